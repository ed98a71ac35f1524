//! The full report as Markdown.

use std::fmt::Write;

use super::full::{FullReport, Spans};
use super::picture;

pub(super) fn render(full: &FullReport) -> String {
    let report = &full.report;
    let mut page = format!("# Run {}\n\n", escaped(&report.run));
    if let Some(notice) = full.notice() {
        let _ = writeln!(page, "**{notice}**\n");
    }
    let state = report.state;
    let cause = report.pause_cause.map(|cause| format!(" ({cause})"));
    let _ = writeln!(page, "- state: {state}{}", cause.unwrap_or_default());
    if let Some(remedy) = report.remedy {
        let _ = writeln!(page, "- to go on: {}", escaped(remedy));
    }
    let _ = writeln!(page, "- export: {}", escaped(&full.source));
    let _ = writeln!(page, "- began: {}", full.began_at);
    if let Some(finished) = &full.finished_at {
        let _ = writeln!(page, "- finished: {finished}");
    }
    let _ = writeln!(
        page,
        "- {} s, {} migrated/s\n",
        report.duration_seconds, report.rate_per_second
    );
    page.push_str("| rows | |\n|--:|---|\n");
    for (name, count) in super::lines(&report.books) {
        let _ = writeln!(page, "| {count} | {name} |");
    }
    let _ = writeln!(page, "\n{}.\n", super::verdict(&report.books));
    if !report.failures.is_empty() {
        page.push_str("## Not carried\n\n| sessions | why | e.g. row | what to do |\n");
        page.push_str("|--:|---|--:|---|\n");
    }
    for failure in &report.failures {
        let error_type = failure.error_type.as_deref().unwrap_or_default();
        let why = format!("{} {} {error_type}", failure.state, failure.reason);
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            failure.count,
            escaped(why.trim()),
            failure.example_row,
            escaped(failure.remedy)
        );
    }
    let audit = &report.audit;
    let _ = writeln!(
        page,
        "\nAudit: {} unresolved, {} unverifiable, {} twins revoked, {} get a second look.",
        audit.unresolved, audit.unverifiable, audit.revoked, audit.second_look
    );
    if let Some(over_time) = &full.over_time {
        series(&mut page, "Carried", &over_time.carried);
        series(&mut page, "Failed attempts", &over_time.failed_attempts);
    }
    if let Some(ends) = &full.ends {
        series(&mut page, "When the sessions end", ends);
    }
    page
}

fn series(page: &mut String, title: &str, counts: &Spans) {
    let Spans { from, until, .. } = counts;
    let line = picture::line(&counts.counts);
    let _ = writeln!(page, "\n## {title}\n\n`{line}`\n\nFrom {from} to {until}.");
}

/// What Markdown, and HTML within it, would take for a sign stands for itself; a line stays one.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            c if c.is_control() => escaped.push(' '),
            c => {
                if "\\`*_[]|#>~!".contains(c) {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_a_name() {
        let name = "a|b\n# c <script> [x](y) `z`";
        let want = "a\\|b \\# c &lt;script\\> \\[x\\](y) \\`z\\`";
        assert_eq!(escaped(name), want);
    }
}
