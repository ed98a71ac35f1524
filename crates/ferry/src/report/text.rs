//! The report for people.

use std::fmt::Write;

use ferry_core::books::Books;
use jiff::SignedDuration;

use super::forecast::Forecast;
use super::{Report, lines, verdict};
use crate::shape::wrapped;

pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    let cause = report
        .pause_cause
        .map(|cause| format!(" ({cause})"))
        .unwrap_or_default();
    let _ = writeln!(page, "run {}: {}{cause}", report.run, report.state);
    if let Some(remedy) = report.remedy {
        let _ = writeln!(page, "  to go on: {remedy}; then the same command");
    }
    let _ = writeln!(page, "\n{}", books(&report.books));
    if let Some(forecast) = &report.forecast {
        forecast_lines(&mut page, forecast);
    }
    if !report.failures.is_empty() {
        page.push_str("not carried:\n");
    }
    for failure in &report.failures {
        let error_type = failure
            .error_type
            .as_ref()
            .map(|e| format!(" ({e})"))
            .unwrap_or_default();
        let what = format!(
            "{} {}{error_type}, e.g. row {}",
            failure.state, failure.reason, failure.example_row
        );
        page.push_str(&wrapped(&format!("  {:>9}  ", failure.count), &what));
        page.push_str(&wrapped("             ", failure.remedy));
    }
    if let Some(file) = &report.rejects_file {
        let _ = writeln!(
            page,
            "  rejected rows, with line and reason: {}",
            file.display()
        );
    }
    let audit = &report.audit;
    let _ = write!(
        page,
        "audit: {} unresolved, {} unverifiable, {} twins revoked",
        audit.unresolved, audit.unverifiable, audit.revoked
    );
    if let Some(extra) = audit.extra_alive {
        let _ = write!(page, ", {extra} extra alive");
    }
    page.push('\n');
    if audit.second_look > 0 {
        let told = format!(
            "{} attempts get a second look: `ferry sweep`, or the next run, does it when due",
            audit.second_look
        );
        page.push_str(&wrapped("  ", &told));
    }
    let _ = writeln!(
        page,
        "{} s, {} migrated/s",
        report.duration_seconds, report.rate_per_second
    );
    page
}

fn forecast_lines(page: &mut String, forecast: &Forecast) {
    let left = SignedDuration::try_from(forecast.left()).unwrap_or(SignedDuration::MAX);
    let _ = writeln!(page, "forecast: {}", forecast.comparison);
    let _ = writeln!(
        page,
        "  {left:#} left, limited by {}",
        forecast.limited_by.explained()
    );
    if forecast.over > 0 {
        let _ = writeln!(page, "  {} have expired already", forecast.over);
    }
    page.push('\n');
}

fn books(books: &Books) -> String {
    let mut text = String::new();
    for (name, count) in lines(books) {
        let _ = writeln!(text, "  {count:>9}  {name}");
    }
    let _ = writeln!(text, "  {:>9}  {}", "=", verdict(books));
    text
}
