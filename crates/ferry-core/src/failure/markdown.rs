use super::{ALREADY_THERE, FAILURES, Judgement, judge_by_status, status_may_have_minted};

/// The failure table in Markdown, for the documentation: named types first, then what a status
/// means for a type that is not named.
pub fn failures_as_markdown() -> String {
    let named = FAILURES.iter().map(|row| {
        let status = row
            .status
            .map_or("not documented".to_owned(), |s| s.to_string());
        let name = format!("`{}`", row.error_type);
        if ALREADY_THERE.contains(&row.error_type) {
            return line(
                &name,
                &status,
                [
                    "success where Ferry creates a member",
                    "no",
                    "no",
                    "nothing",
                ],
            );
        }
        // Without a documented status, a broken server's may come with it.
        let minted = match row.status {
            Some(_) if row.may_have_minted() => "maybe",
            Some(_) => "no",
            None => "if 5xx",
        };
        judged(&name, &status, row.judgement, minted)
    });
    let others = STATUSES.iter().map(|(shown, status)| {
        let minted = if status_may_have_minted(*status) {
            "maybe"
        } else {
            "no"
        };
        judged("any other", shown, judge_by_status(*status), minted)
    });
    let head = "| `error_type` | status | class and what happens | minted? | attempt spent | remedy |\n|---|---|---|---|---|---|\n";
    std::iter::once(head.to_owned())
        .chain(named)
        .chain(others)
        .collect()
}

/// One status for each line of the table's end, as it is shown there.
const STATUSES: &[(&str, u16)] = &[
    ("401, 403", 401),
    ("3xx, 404, 405", 404),
    ("429", 429),
    ("408, 499, 5xx", 500),
    ("other 4xx", 400),
];

fn judged(name: &str, status: &str, judgement: Judgement, minted: &str) -> String {
    let class = judgement.class();
    let what_happens = match judgement {
        Judgement::Session(reason) => format!("{class}: dead as `{reason}`"),
        Judgement::SetUp(cause) => format!("{class}: the run pauses, `{cause}`"),
        Judgement::Capacity => format!("{class}: waits as told"),
        Judgement::Later => format!("{class}: waits, the rate stays"),
        Judgement::Transient | Judgement::Ambiguous => format!("{class}: tried again"),
    };
    let spent = if judgement.spends_an_attempt() {
        "yes"
    } else {
        "no"
    };
    line(
        name,
        status,
        [&what_happens, minted, spent, judgement.remedy()],
    )
}

fn line(name: &str, status: &str, cells: [&str; 4]) -> String {
    format!("| {name} | {status} | {} |\n", cells.join(" | "))
}
