//! docs/metrics.md.

use std::fmt::Write;

use crate::catalog::{Kind, Metric, instance, service};

const INTRODUCTION: &str = "# Metrics

A test keeps this page equal to the code. `ferry run`, `ferry work` and `ferry serve` answer
`GET /metrics` where `health.listen` says; dashboards and alerts are in
[deploy/grafana](../deploy/grafana) and [deploy/prometheus](../deploy/prometheus).
";

const SERVICE: &str = "
## Service metrics

Read from the ledger, for all processes together. Every process that is scraped tells the same, so
take `max by (…) (…)` of them, **never a sum**: two workers would count every session twice. Their
readings are of different ages; where several series are added up, take those of the process that
has read last: `ferry_run_sessions and on (instance) topk(1, ferry_ledger_read_timestamp_seconds)`. A
scrape never waits for the ledger: it gets what was last read, and
`ferry_ledger_read_timestamp_seconds` tells when that was. The ledger is read again when somebody
scrapes and the last reading is 5 s old, or ten times as old as a reading takes if that is more. When
it could not be read for five minutes, and for twenty times as long as a reading takes, these metrics are
left out rather than shown as if they were still true.

";

const INSTANCE: &str = "
## Instance metrics

Counted in each process, from 0 at its start. Add them up: `sum by (…) (rate(…))`. `ferry serve` has
none of them but the first.

";

/// The page on all metrics.
pub fn metrics_as_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (section, metrics) in [(SERVICE, service::ALL), (INSTANCE, instance::ALL)] {
        page.push_str(section);
        page.push_str("| metric | kind | labels | what it tells |\n|---|---|---|---|\n");
        for metric in metrics {
            let _ = writeln!(page, "{}", row(metric));
        }
    }
    page
}

fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let mut help = metric.help.to_owned();
    if let Kind::Histogram(buckets) = metric.kind {
        let buckets: Vec<_> = buckets.iter().map(f64::to_string).collect();
        let _ = write!(help, " Buckets: {}.", buckets.join(", "));
    }
    let labels: Vec<_> = metric
        .labels
        .iter()
        .map(|label| format!("`{}`: {}", label.name, label.values))
        .collect();
    format!(
        "| `{}` | {kind} | {} | {help} |",
        metric.name,
        labels.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_equal_to_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let page = metrics_as_markdown();
        let written = std::fs::read_to_string(path).unwrap_or_default();
        if std::env::var_os("UPDATE_PAGES").is_some() {
            std::fs::write(path, &page).expect("the page is written");
        } else {
            assert_eq!(
                written, page,
                "write it anew: UPDATE_PAGES=1 cargo nextest run -p ferry-metrics"
            );
        }
    }
}
