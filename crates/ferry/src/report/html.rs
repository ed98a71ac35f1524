//! The full report as one HTML file: no script, no network.

use std::fmt::Write;

use super::full::FullReport;
use super::picture::{Layer, bars, share};

/// Nothing is loaded, nothing runs, even if something were not escaped.
const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
";

const STYLE: &str = "<style>
:root { color-scheme: light dark; --carried: #2a7; --failed: #c43; --end: #47b; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .25rem .5rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
td.n { text-align: right; font-variant-numeric: tabular-nums; width: 6rem; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: currentColor; }
svg line { stroke: currentColor; stroke-width: 1; }
svg.share { height: .5rem; max-width: 12rem; }
.carried { fill: var(--carried); } .failed { fill: var(--failed); } .end { fill: var(--end); }
.notice { border-left: .3rem solid var(--failed); padding-left: .7rem; }
</style>
</head>
<body>
";

pub(super) fn render(full: &FullReport) -> String {
    let report = &full.report;
    let name = escaped(&report.run);
    let mut page = format!("{HEAD}<title>Run {name}</title>\n{STYLE}<h1>Run {name}</h1>\n");
    if let Some(notice) = full.notice() {
        let _ = writeln!(page, "<p class=\"notice\">{}</p>", escaped(&notice));
    }
    summary(&mut page, full);
    page.push_str("<h2>The books</h2>\n<table>\n");
    for (name, count) in super::lines(&report.books) {
        let _ = writeln!(page, "<tr><td class=\"n\">{count}</td><td>{name}</td></tr>");
    }
    let verdict = super::verdict(&report.books);
    let _ = writeln!(page, "</table>\n<p>{verdict}.</p>");
    reasons(&mut page, full);
    pictures(&mut page, full);
    let audit = &report.audit;
    let _ = write!(
        page,
        "<h2>Audit</h2>\n<p>{} unresolved, {} unverifiable, {} twins revoked, {} get a second look.</p>\n<p>As of {}.</p>\n</body>\n</html>\n",
        audit.unresolved, audit.unverifiable, audit.revoked, audit.second_look, full.as_of
    );
    page
}

fn summary(page: &mut String, full: &FullReport) {
    let report = &full.report;
    let cause = report.pause_cause.map(|cause| format!(" ({cause})"));
    let rate = format!(
        "{} s, {} migrated/s",
        report.duration_seconds, report.rate_per_second
    );
    let state = format!("{}{}", report.state, cause.unwrap_or_default());
    let rows = [
        ("State", Some(state.as_str())),
        ("To go on", report.remedy),
        ("Export", Some(full.source.as_str())),
        ("Began", Some(full.began_at.as_str())),
        ("Finished", full.finished_at.as_deref()),
        ("Took", Some(rate.as_str())),
    ];
    page.push_str("<table>\n");
    for (name, value) in rows {
        if let Some(value) = value {
            let _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", escaped(value));
        }
    }
    page.push_str("</table>\n");
    if let Some(forecast) = &report.forecast {
        let forecast = escaped(&forecast.comparison.to_string());
        let _ = writeln!(page, "<p>Forecast: {forecast}.</p>");
    }
}

fn reasons(page: &mut String, full: &FullReport) {
    let failures = &full.report.failures;
    let most = failures.iter().map(|failure| failure.count).max();
    let Some(most) = most else { return };
    page.push_str("<h2>Not carried</h2>\n<table>\n");
    for failure in failures {
        let error_type = failure.error_type.as_deref().unwrap_or_default();
        let why = format!("{} {} {error_type}", failure.state, failure.reason);
        let _ = writeln!(
            page,
            "<tr><td class=\"n\">{}</td><td>{}<br>{}<br>e.g. row {}: {}</td></tr>",
            failure.count,
            escaped(why.trim()),
            share(failure.count, most),
            failure.example_row,
            escaped(failure.remedy)
        );
    }
    page.push_str("</table>\n");
}

fn pictures(page: &mut String, full: &FullReport) {
    if let Some(over_time) = &full.over_time {
        let layers = [
            Layer {
                class: "carried",
                name: "sessions carried",
                timeline: &over_time.carried.timeline,
            },
            Layer {
                class: "failed",
                name: "attempts failed",
                timeline: &over_time.failed_attempts.timeline,
            },
        ];
        let svg = bars("Outcomes over time", &layers);
        let _ = write!(
            page,
            "<h2>Outcomes over time</h2>\n<p>Green: sessions carried. Red: attempts that failed.</p>\n{svg}"
        );
    }
    if let Some(ends) = &full.ends {
        let layer = Layer {
            class: "end",
            name: "sessions end",
            timeline: &ends.timeline,
        };
        let svg = bars("When the sessions end", &[layer]);
        let _ = write!(page, "<h2>When the sessions end</h2>\n{svg}");
    }
}

/// Text, in an element or in an attribute within quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sign_of_html_gets_through() {
        let hostile = "</title><script>alert('x & \"y\"')</script>\u{1b}[2J";
        let safe = escaped(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '\u{1b}']), "{safe}");
        assert!(safe.contains("&lt;script&gt;alert(&#39;x &amp; &quot;y&quot;"));
    }
}
