//! The plan for people, at 80 columns.

use std::fmt::Write;
use std::time::Duration;

use super::histogram::Bar;
use super::{Life, Plan};
use crate::shape::{COLUMNS, counted, grouped, lasting, people, wrapped};

pub(super) fn render(plan: &Plan) -> String {
    let mut page = wrapped(
        "",
        &format!("{}, if the run begins at {}", plan.export, plan.begin),
    );
    page.push('\n');
    coverage(&mut page, plan);
    if plan.coverage.rows == 0 {
        page.push_str("\nthe export has a header and no rows\n");
        return page;
    }
    rejects(&mut page, plan);
    if plan.coverage.carried + plan.coverage.expires_first > 0 {
        time(&mut page, plan);
        histogram(&mut page, plan);
        others(&mut page, plan);
    }
    if !plan.advice.is_empty() {
        page.push_str("\nadvice:\n");
    }
    for advice in &plan.advice {
        page.push_str(&wrapped("  - ", &advice.text));
    }
    page
}

fn coverage(page: &mut String, plan: &Plan) {
    let coverage = &plan.coverage;
    let rate = plan.forecast.as_ref().map_or(String::new(), |forecast| {
        format!(" at {}", forecast.comparison.rate)
    });
    // What everybody asks for stands there even if it is nothing.
    let always = [
        (coverage.rows, "rows in the export".to_owned()),
        (coverage.carried, format!("carried{rate}")),
        (
            coverage.expires_first,
            "expire before their turn".to_owned(),
        ),
        (
            coverage.only_in_browser,
            "only in the browser: no token at the source".to_owned(),
        ),
    ];
    let others = [
        (coverage.expired, "token over already"),
        (coverage.session_over, "session over already"),
        (coverage.wrong_audience, "wrong audience"),
        (coverage.missing_scope, "a scope is missing"),
        (coverage.duplicates, "duplicates"),
        (coverage.rejected, "rejected"),
    ];
    let others = others.map(|(count, name)| (count, name.to_owned()));
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    for (count, name) in always.into_iter().chain(others) {
        let share = share(count, coverage.rows);
        let _ = writeln!(page, "  {:>12}  {share:>7}  {name}", grouped(count));
    }
}

/// In percent; what is not nothing is not shown as nothing.
fn share(count: u64, of: u64) -> String {
    if of == 0 {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
    let percent = count as f64 * 100.0 / of as f64;
    if count > 0 && percent < 0.1 {
        "< 0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

fn rejects(page: &mut String, plan: &Plan) {
    if !plan.rejects.is_empty() {
        page.push_str("\nrejected:\n");
    }
    for group in &plan.rejects {
        let column = group
            .column
            .as_ref()
            .map_or(String::new(), |column| format!("{column} "));
        let example = match group.example_line {
            0 => String::new(),
            line => format!(", e.g. line {line}"),
        };
        let first = format!("  {:>12}  ", grouped(group.count));
        page.push_str(&wrapped(
            &first,
            &format!("{column}{}{example}", group.reason),
        ));
    }
}

fn time(page: &mut String, plan: &Plan) {
    page.push_str("\ntime:\n");
    if let Some(forecast) = &plan.forecast {
        let needed = format!(
            "{} at {} (limited by {})",
            lasting(forecast.left()),
            forecast.comparison.rate,
            forecast.limited_by.explained()
        );
        page.push_str(&wrapped("  needed       ", &needed));
    }
    let unknown = match plan.tokens.unknown {
        0 => String::new(),
        unknown => format!("; of {} nobody knows the end", grouped(unknown)),
    };
    let tokens = plan.tokens.life.map_or_else(
        || "nobody knows when the tokens end".to_owned(),
        |life| format!("{}{unknown}", of_life(life)),
    );
    page.push_str(&wrapped("  token life   ", &tokens));
    if let Some(forecast) = &plan.forecast {
        page.push_str(&wrapped(
            "  forecast     ",
            &forecast.comparison.to_string(),
        ));
    }
    let on_demand = &plan.on_demand;
    let waits = on_demand.last_waits_seconds.map_or(String::new(), |waits| {
        format!(
            "; at the rates in force the last would wait {}",
            lasting(Duration::from_secs(waits))
        )
    });
    let told = format!(
        "if nothing were carried before the cut-over, and all {} came back evenly within {}: {} calls/s{waits}",
        counted(on_demand.sessions, "session"),
        lasting(Duration::from_secs(on_demand.back_within_seconds)),
        on_demand.calls_per_second
    );
    page.push_str(&wrapped("  on demand    ", &told));
}

fn of_life(life: Life) -> String {
    let told = |seconds| lasting(Duration::from_secs(seconds));
    format!(
        "the first ends in {}, half of them in {}, the last in {}",
        told(life.soonest),
        told(life.median),
        told(life.latest)
    )
}

/// Width of what stands before a bar: `  30 min to 1 h     1,234,567  `.
const BEFORE_BAR: usize = 32;

fn histogram(page: &mut String, plan: &Plan) {
    let most = plan.expiry.iter().map(|bar| bar.sessions).max();
    let most = most.unwrap_or(0).max(1);
    page.push_str("\ntokens end in:\n");
    for bar in &plan.expiry {
        let width = (COLUMNS - BEFORE_BAR) as u64;
        let carried = scaled(bar.carried, most, width);
        let lost = scaled(bar.expires_first, most, width).min(width - carried);
        let line = format!(
            "  {:<16} {:>11}  {}{}",
            span(bar),
            grouped(bar.sessions),
            "█".repeat(usize::try_from(carried).unwrap_or(0)),
            "░".repeat(usize::try_from(lost).unwrap_or(0)),
        );
        page.push_str(line.trim_end());
        page.push('\n');
    }
    if plan.coverage.expires_first > 0 {
        page.push_str("  █ carried  ░ expires before its turn\n");
    }
}

/// Something is not nothing.
fn scaled(count: u64, most: u64, width: u64) -> u64 {
    let length = u128::from(count) * u128::from(width) / u128::from(most);
    u64::try_from(length)
        .unwrap_or(width)
        .max(u64::from(count > 0))
}

fn span(bar: &Bar) -> String {
    let told = |seconds| lasting(Duration::from_secs(seconds));
    match (bar.from_seconds, bar.to_seconds) {
        (None, _) => "nobody knows".to_owned(),
        (Some(0), Some(to)) => format!("up to {}", told(to)),
        (Some(from), Some(to)) => format!("{} to {}", told(from), told(to)),
        (Some(from), None) => format!("{} or more", told(from)),
    }
}

fn others(page: &mut String, plan: &Plan) {
    page.push_str("\nat Stytch:\n");
    let minted = format!(
        "{} minted in all, of {} in {}",
        counted(plan.minted.sessions, "session"),
        people(plan.people.people),
        counted(plan.minted.organizations, "organization"),
    );
    page.push_str(&wrapped("  ", &minted));
    let Some(limit) = &plan.people.limit else {
        let told = format!(
            "one person has {} at the most",
            counted(plan.people.largest_sessions, "session")
        );
        page.push_str(&wrapped("  ", &told));
        return;
    };
    let told = if limit.people_above == 0 {
        format!(
            "nobody waits for the limit of one person ({}): {} at the most",
            limit.shown,
            counted(plan.people.largest_sessions, "session")
        )
    } else {
        format!(
            "{} with {} {} for the limit of one person ({}): the largest, with {}, takes {}",
            people(limit.people_above),
            counted(limit.their_sessions, "session"),
            if limit.people_above == 1 {
                "waits"
            } else {
                "wait"
            },
            limit.shown,
            counted(plan.people.largest_sessions, "session"),
            lasting(Duration::from_secs(limit.largest_seconds))
        )
    };
    page.push_str(&wrapped("  ", &told));
}
