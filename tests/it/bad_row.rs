//! Rows that are no sessions: each is counted, and told by line, column and reason.

use std::fs;
use std::io::Write;

use ferry_sim::{Faults, Population};

use crate::support::{Crossing, LOOK_EVERY, Outcome};

/// A row of the rejects file: row, line, column, reason.
type Reject = (u64, u64, String, String);

fn rejects(outcome: &Outcome, crossing: &Crossing) -> Vec<Reject> {
    let report = outcome.report();
    let file = report["rejects_file"].as_str().expect("a rejects file");
    let mut file = csv::Reader::from_path(crossing.folder.path().join(file)).unwrap();
    file.deserialize().map(Result::unwrap).collect()
}

/// Each way to spoil a row, the column that is blamed, and what is said.
type Spoiled = (fn(&str) -> Vec<u8>, &'static str, &'static str);

const SPOILED: [Spoiled; 9] = [
    (
        |row| row.replace(",auth0", "").into(),
        "",
        "has 8 fields, the header has 9",
    ),
    (
        |row| format!("{row},more").into(),
        "",
        "has 10 fields, the header has 9",
    ),
    (
        |row| row.replacen("eyJ", "ey\0", 1).into(),
        "access_token",
        "holds a NUL byte",
    ),
    (
        |row| with(row, b"organization-", b"org\xff\xfe"),
        "organization",
        "is not UTF-8",
    ),
    (
        |row| row.replacen("eyJ", "Bearer eyJ", 1).into(),
        "access_token",
        "give the token alone",
    ),
    (
        |row| with_field(row, 2, "\" \""),
        "session_id",
        "is missing or empty",
    ),
    (
        |row| with_field(row, 0, ""),
        "access_token",
        "is missing or empty",
    ),
    (
        |row| format!("{}{row}", "A".repeat(17_000)).into(),
        "access_token",
        "is longer than 16 KiB",
    ),
    (
        |row| with_field(row, 5, "=1+1"),
        "token_expires_at",
        "a value of 4 characters",
    ),
];

fn with(row: &str, text: &[u8], instead: &[u8]) -> Vec<u8> {
    let at = memchr::memmem::find(row.as_bytes(), text).unwrap();
    [
        &row.as_bytes()[..at],
        instead,
        &row.as_bytes()[at + text.len()..],
    ]
    .concat()
}

/// The fields are those of the simulator's exports.
fn with_field(row: &str, field: usize, instead: &str) -> Vec<u8> {
    let mut fields: Vec<_> = row.split(',').collect();
    fields[field] = instead;
    fields.join(",").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_spoiled_row_is_rejected_with_line_column_and_reason_and_the_others_cross() {
    let crossing = Crossing::new(Population::new(30, 120), Faults::default()).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let mut lines = export.lines();
    let mut spoiled = lines.next().unwrap().as_bytes().to_vec();
    for (number, row) in lines.enumerate() {
        spoiled.push(b'\n');
        // Every third row is spoiled, from the second on.
        match SPOILED.get(number / 3).filter(|_| number % 3 == 1) {
            Some((spoil, ..)) => spoiled.extend(spoil(row)),
            None => spoiled.extend(row.as_bytes()),
        }
    }
    fs::write(crossing.export(), spoiled).unwrap();
    let outcome = crossing.outcome(crossing.run_command()).await;
    outcome.assert_says(0, &[]);
    let books = outcome.books();
    assert!(books.balance(), "{books:?}");
    assert_eq!(
        (books.exported, books.rejected, books.migrated),
        (30, 9, 21)
    );
    let rejects = rejects(&outcome, &crossing);
    assert_eq!(rejects.len(), SPOILED.len());
    for (number, (reject, (_, column, reason))) in (0..).zip(rejects.iter().zip(SPOILED)) {
        let (row, line, blamed, said) = reject;
        assert_eq!(
            (*row, *line),
            (3 * number + 2, 3 * number + 3),
            "{reject:?}"
        );
        assert_eq!(blamed, column, "{reject:?}");
        assert!(said.contains(reason), "{reject:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_100_megabytes_is_one_reject_and_takes_no_memory() {
    const MEGABYTE: usize = 1024 * 1024;
    // Slow replies, so that the process can be looked at when its export is read.
    let faults = Faults {
        latency_ms: 300,
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(10, 121), faults).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let (first, rest) = export.split_at(export.match_indices('\n').nth(4).unwrap().0 + 1);
    let mut long = fs::File::create(crossing.export()).unwrap();
    long.write_all(first.as_bytes()).unwrap();
    for _ in 0..100 {
        long.write_all(&vec![b'a'; MEGABYTE]).unwrap();
    }
    write!(long, "\n{rest}").unwrap();
    let mut child = crossing.run_command().spawn().expect("the binary starts");
    let status = format!("/proc/{}/status", child.id().expect("it runs"));
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let line = fs::read_to_string(&status).unwrap_or_default();
        peak = peak_kilobytes(&line).unwrap_or(peak);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let first = Outcome::from(child.wait_with_output().await.expect("it ended"));
    crossing.assert_tells_no_secret(&first);
    assert_eq!(first.books().rejected, 1);
    assert!((1..256 * 1024).contains(&peak), "{peak} kB at its peak");
    let outcome = crossing.outcome(crossing.run_command()).await;
    outcome.assert_says(0, &[]);
    let books = outcome.books();
    assert!(books.balance(), "{books:?}");
    assert_eq!(
        (books.exported, books.rejected, books.migrated),
        (11, 1, 10)
    );
    let reason = "is longer than 1 MiB: no session is".to_owned();
    assert_eq!(
        rejects(&outcome, &crossing),
        [(5, 6, String::new(), reason)]
    );
}

/// The most memory that the process has had: `VmHWM`.
fn peak_kilobytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn formulas_and_escape_sequences_of_the_export_are_shown_nowhere() {
    let crossing = Crossing::new(Population::new(4, 122), Faults::default()).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    // As the name of a mapped column, which the rejects file tells, …
    let formula = "=cmd|' /C calc'!A0";
    let export = export.replacen("token_expires_at", formula, 1);
    let mut rows: Vec<_> = export.lines().map(|row| row.as_bytes().to_vec()).collect();
    let row = |number: usize| export.lines().nth(number).unwrap();
    // … as values that are no dates, …
    rows[1] = with_field(row(1), 5, "@SUM(1+1)*cmd");
    rows[2] = with_field(row(2), 5, "\u{1b}[31mnever\u{7}");
    // … and as emails of sessions that are called, and die of it.
    rows[3] = with_field(row(3), 4, "=HYPERLINK(evil.example)");
    rows[4] = with_field(row(4), 4, "\u{1b}]0;pwned\u{7}@acme.example");
    fs::write(crossing.export(), rows.join(&b'\n')).unwrap();
    let mut command = crossing.run_command();
    command
        .env("FERRY_EXPORT__COLUMNS__TOKEN_EXPIRES_AT", formula)
        .env("RUST_LOG", "debug");
    let outcome = crossing.outcome(command).await;
    assert_eq!(outcome.books().rejected, 2, "{}", outcome.standard_output);
    assert_eq!(outcome.failures("identity_mismatch"), 2);
    let report = outcome.report();
    let file = crossing
        .folder
        .path()
        .join(report["rejects_file"].as_str().unwrap());
    let file = fs::read_to_string(file).unwrap();
    for cell in file.split(['\n', ',']) {
        assert!(
            !cell.trim_matches('"').starts_with(['=', '+', '-', '@']),
            "{cell:?}"
        );
    }
    for text in [&outcome.standard_output, &outcome.standard_error, &file] {
        assert!(
            !text.contains("HYPERLINK") && !text.contains("pwned"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_sequences_in_a_header_cannot_steer_the_terminal() {
    let crossing = Crossing::new(Population::new(2, 123), Faults::default()).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    fs::write(
        crossing.export(),
        export.replacen("session_id", "\u{1b}[31msession", 1),
    )
    .unwrap();
    let refused = crossing.outcome(crossing.run_command()).await;
    refused.assert_says(2, &[r"\u{1b}[31msession", "export.columns.session_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_there_three_times_crosses_once_and_is_counted() {
    let crossing = Crossing::new(Population::new(20, 124), Faults::default()).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let (_, rows) = export.split_once('\n').unwrap();
    fs::write(crossing.export(), format!("{export}{rows}{rows}")).unwrap();
    let outcome = crossing.outcome(crossing.run_command()).await;
    outcome.assert_says(0, &[]);
    let books = outcome.books();
    assert!(books.balance(), "{books:?}");
    assert_eq!(
        (books.exported, books.duplicates, books.migrated),
        (60, 40, 20)
    );
    let audit = crossing.audit().await;
    assert_eq!((audit.minted, audit.mapped, audit.extra_alive), (20, 20, 0));
}
