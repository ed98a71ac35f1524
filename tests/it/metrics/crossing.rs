//! A fleet that crosses while it is scraped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ferry_core::reason::PauseCause;
use ferry_sim::{Faults, Population};
use serde_json::{Value, json};

use super::free_address;
use super::prometheus::{Prometheus, Series};
use super::queries::{Panel, alerts, panels};
use crate::support::{Fleet, Kept};

/// Sessions that came to an end, as the dashboard counts them.
const SETTLED: &str =
    r#"sum(max by (run, state) (ferry_run_sessions{state=~"migrated|skipped|dead"}))"#;

/// Calls per second of all workers together.
const RATE: &str = "100";

/// What was read may be so old, in seconds: a reading, and two scrapes.
const OLDEST_SECONDS: usize = 8;

/// Nothing of this kind happened.
const EMPTY: [&str; 1] = ["ferry_run_paused"];

/// An alert that such a run may raise or not.
const EITHER: &str = "FerryDeadLettersGrowing";

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_and_every_alert_tells_what_is_so_of_a_fleet_that_crosses() {
    let faults = Faults {
        // Refusals at random tell of no limit that could be found.
        error_429: 0.0,
        ..Faults::realistic(720)
    };
    let mut fleet = Fleet::new(Population::realistic(2500, 720), faults).await;
    fleet.settings.push(("FERRY_RATES__STYTCH", RATE));
    let fleet = Arc::new(fleet);
    let addresses = [free_address(), free_address(), free_address()];
    let prometheus = Prometheus::start(&addresses).await;
    fleet.enqueue().await;
    let start = |name, command, address| {
        let listen = [("FERRY_HEALTH__LISTEN", address)];
        Kept::start_with(&fleet, name, &[command], &listen)
    };
    let mut serve = start("serve", "serve", addresses[2]);
    let mut workers = [
        start("one", "work", addresses[0]),
        start("other", "work", addresses[1]),
    ];
    let a_third = format!("{SETTLED} > 800");
    serve.until(prometheus.until(&a_third)).await;
    workers[1].kill().await;
    let finished = r#"max(ferry_run_state{run="test",state="finished"}) == 1"#;
    serve.until(prometheus.until(finished)).await;
    // What is counted over ten seconds has come to rest, and everybody has read the end.
    let at_rest = format!("changes(({SETTLED})[12s:1s]) == 0");
    serve.until(prometheus.until(&at_rest)).await;

    assert_that_sums_are_of_the_ledger(&prometheus, &fleet).await;
    assert_that_no_progress_was_taken_back(&prometheus).await;
    assert_that_every_panel_shows_something(&prometheus).await;
    assert_that_no_alert_is_raised(&prometheus).await;
    for worker in &mut workers {
        worker.signal("TERM").await;
        assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    }
    fleet.assert_all_crossed().await;
}

/// Three processes tell the same.
async fn assert_that_sums_are_of_the_ledger(prometheus: &Prometheus, fleet: &Fleet) {
    let up = prometheus.value("count(up == 1)").await;
    assert_eq!(up, Some(3.0));
    let books = serde_json::to_value(fleet.status().await.books()).unwrap();
    let by_state = "sum by (state) (max by (run, state) (ferry_run_sessions))";
    let shown: BTreeMap<String, f64> = prometheus
        .now(by_state)
        .await
        .into_iter()
        .map(|(labels, count)| (labels["state"].as_str().unwrap().to_owned(), count))
        .collect();
    assert_eq!(shown.len(), 6, "{shown:?}");
    for (state, count) in &shown {
        assert_eq!(books[state].as_f64(), Some(*count), "{state}: {books}");
    }
    let dead = prometheus
        .value("sum(max by (run, reason) (ferry_run_dead_sessions))")
        .await;
    assert_eq!(dead, books["dead"].as_f64());
    let live = prometheus
        .value("sum(max by (state) (ferry_mappings))")
        .await;
    assert_eq!(live, books["migrated"].as_f64());
    let workers = prometheus.value("max(ferry_workers)").await;
    // The killed one is not forgotten at once.
    assert!(workers >= Some(2.0), "{workers:?}");
    let allowed = prometheus
        .value("max(ferry_allowed_calls_per_second)")
        .await;
    assert!(allowed.is_some_and(|rate| rate <= 100.0), "{allowed:?}");
    let imbalance = prometheus
        .value("max(abs(ferry_run_books_imbalance))")
        .await;
    assert_eq!(imbalance, Some(0.0));
}

/// A process that starts anew begins to count at 0, but its counts are not what is shown. What is
/// shown may be as old as what was last read.
async fn assert_that_no_progress_was_taken_back(prometheus: &Prometheus) {
    let over = prometheus.over(SETTLED, 120).await;
    let [series] = &over[..] else {
        panic!("{over:?}");
    };
    let progress: Vec<f64> = series.samples.iter().map(|(_, value)| *value).collect();
    for (before, after) in progress.iter().zip(&progress[OLDEST_SECONDS..]) {
        assert!(after >= before, "{progress:?}");
    }
    let restarts = "resets(ferry_queue_delivered_total[2m]) > 0";
    assert_eq!(prometheus.now(restarts).await.len(), 1, "one was killed");
}

async fn assert_that_every_panel_shows_something(prometheus: &Prometheus) {
    let mut shown = Vec::new();
    for panel in panels() {
        for expression in &panel.expressions {
            let over = prometheus.over(expression, 90).await;
            let is_meant_to_be_empty = EMPTY.iter().any(|name| expression.contains(name));
            assert_eq!(
                over.iter().all(|series| series.samples.is_empty()),
                is_meant_to_be_empty,
                "{}: {}: {expression}",
                panel.dashboard,
                panel.title
            );
            shown.push(as_json(&panel, expression, &over));
        }
    }
    keep(&Value::from(shown));
}

/// For `cargo xtask pictures`.
fn keep(shown: &Value) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panels.json");
    fs::write(file, shown.to_string()).expect("written");
}

fn as_json(panel: &Panel, expression: &str, over: &[Series]) -> Value {
    let series = |series: &Series| json!({ "labels": series.labels, "samples": series.samples });
    json!({
        "dashboard": panel.dashboard,
        "title": panel.title,
        "unit": panel.json["fieldConfig"]["defaults"]["unit"],
        "expression": expression,
        "series": over.iter().map(series).collect::<Vec<_>>(),
    })
}

async fn assert_that_no_alert_is_raised(prometheus: &Prometheus) {
    for (name, rule) in alerts() {
        let raised = prometheus.now(rule["expr"].as_str().unwrap()).await;
        assert!(raised.is_empty() || name == EITHER, "{name}: {raised:?}");
    }
    let rules = prometheus.api("rules", &[]).await["groups"][0]["rules"].clone();
    let rules = rules.as_array().expect("rules");
    assert_eq!(rules.len(), alerts().len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert_ne!(rule["state"], "firing", "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_raised_by_a_run_that_stands_still_is_halted_or_has_lost_a_row() {
    let mut fleet = Fleet::new(Population::new(200, 721), Faults::default()).await;
    // Tokens live for hours, and at this rate it would take days.
    fleet.settings.push(("FERRY_RATES__STYTCH", "0.001"));
    let fleet = Arc::new(fleet);
    let address = free_address();
    let prometheus = Prometheus::start(&[address]).await;
    fleet.enqueue().await;
    let listen = [("FERRY_HEALTH__LISTEN", address)];
    let mut serve = Kept::start_with(&fleet, "serve", &["serve"], &listen);
    for alert in [
        "FerryStalled",
        "FerryRateFarBelowAllowed",
        "FerryForecastTooLate",
    ] {
        serve.until(prometheus.until(&expression(alert))).await;
    }
    let waits = prometheus.now(&expression("FerryRunHalted")).await;
    assert!(waits.is_empty(), "{waits:?}");

    let ledger = fleet.ledger().await;
    let run = ledger.run("test").await.expect("a run").id;
    ledger
        .pause(run, PauseCause::Credentials)
        .await
        .expect("paused");
    let halted =
        r#"ALERTS{alertname="FerryRunHalted",alertstate="firing",run="test",cause="credentials"}"#;
    serve.until(prometheus.until(halted)).await;
    let stalled = prometheus.now(&expression("FerryStalled")).await;
    assert!(stalled.is_empty(), "{stalled:?}");

    let lose = "UPDATE runs SET rows_read = rows_read + 1";
    sqlx::query(lose)
        .execute(&mut fleet.tables().await)
        .await
        .expect("changed");
    let imbalance = expression("FerryBooksImbalance");
    serve.until(prometheus.until(&imbalance)).await;
    serve.end().await;
    let unseen = expression("FerryUnseen");
    prometheus.until(&unseen).await;
}

fn expression(alert: &str) -> String {
    let found = alerts().into_iter().find(|(name, _)| name == alert);
    let (_, rule) = found.expect("an alert of this name");
    rule["expr"].as_str().expect("an expression").to_owned()
}
