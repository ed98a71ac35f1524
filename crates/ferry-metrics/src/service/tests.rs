use std::collections::BTreeMap;

use ferry_core::books::Books;
use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, PauseCause, SkipReason};
use ferry_core::state::{RunState, UnresolvedState};

use super::*;
use crate::{FinishForecast, NAMED_RUNS, OTHER_RUNS};

fn run(id: i64, state: RunState) -> RunSnapshot {
    RunSnapshot {
        id: RunId(id),
        name: format!("wave-{id}"),
        state,
        pause_cause: (state == RunState::Paused).then_some(PauseCause::Credentials),
        books: Books {
            exported: 10,
            rejected: 1,
            queued: 4,
            migrated: 3,
            dead: 2,
            ..Books::default()
        },
        dead: BTreeMap::from([(Some(DeadReason::MemberMissing), 1), (None, 1)]),
        skipped: BTreeMap::from([(Some(SkipReason::Expired), 0)]),
        due: 1,
        oldest_due_seconds: 2.5,
        unresolved: vec![(UnresolvedState::Swept, 1)],
        forecast: Some(FinishForecast {
            finish_at: Timestamp::from_seconds(1_767_268_800 + id),
            expiring: 2,
        }),
    }
}

fn snapshot(runs: Vec<RunSnapshot>) -> ServiceSnapshot {
    ServiceSnapshot {
        read_at: Timestamp::from_millis(1_767_268_800_250),
        took: Duration::from_millis(12),
        runs,
        allowed: vec![AllowedRate {
            budget: Budget::Stytch,
            rate: Rate::per_second(65.0).unwrap(),
        }],
        settled_per_second: 64.5,
        limited_by: LimitedBy::Stytch,
        mappings: vec![(MappingState::Live, 3)],
        sweep_overdue_seconds: 0.0,
        workers: 2,
        queues: Some(QueueDepths { work: 7, dead: 1 }),
    }
}

#[track_caller]
fn assert_has(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(&format!("{wanted}\n")), "{wanted} in\n{text}");
    }
}

#[test]
fn a_snapshot_tells_all_that_the_catalog_lists() {
    let text = snapshot(vec![run(1, RunState::Paused)]).text();
    for metric in catalog::ALL {
        let line = format!("# HELP {} {}\n", metric.name, metric.help);
        assert!(text.contains(&line), "{}", metric.name);
    }
    assert_has(
        &text,
        &[
            r#"ferry_run_sessions{run="wave-1",state="migrated"} 3"#,
            r#"ferry_run_sessions{run="wave-1",state="running"} 0"#,
            r#"ferry_run_rows{kind="read",run="wave-1"} 10"#,
            r#"ferry_run_books_imbalance{run="wave-1"} 0"#,
            r#"ferry_run_state{run="wave-1",state="paused"} 1"#,
            r#"ferry_run_paused{cause="credentials",run="wave-1"} 1"#,
            r#"ferry_run_paused{cause="operator",run="wave-1"} 0"#,
            r#"ferry_run_dead_sessions{reason="member_missing",run="wave-1"} 1"#,
            r#"ferry_run_dead_sessions{reason="other",run="wave-1"} 1"#,
            r#"ferry_run_oldest_due_seconds{run="wave-1"} 2.5"#,
            r#"ferry_run_unresolved_attempts{run="wave-1",state="swept"} 1"#,
            r#"ferry_run_forecast_finish_timestamp_seconds{run="wave-1"} 1767268801"#,
            r#"ferry_allowed_calls_per_second{budget="stytch"} 65"#,
            r#"ferry_limited_by{by="stytch"} 1"#,
            r#"ferry_limited_by{by="workers"} 0"#,
            r#"ferry_mappings{state="claimed"} 0"#,
            "ferry_dead_letter_queue_drift_messages -1",
            "ferry_ledger_read_timestamp_seconds 1767268800.25",
        ],
    );
}

#[test]
fn a_queue_that_cannot_be_asked_is_left_out_and_not_said_to_be_empty() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.queues = None;
    assert!(!snapshot.text().contains("ferry_work_queue_messages"));
}

#[test]
fn a_lost_row_unbalances_the_books() {
    let mut lossy = run(1, RunState::Active);
    lossy.books.migrated -= 1;
    let text = snapshot(vec![lossy]).text();
    assert_has(&text, &[r#"ferry_run_books_imbalance{run="wave-1"} 1"#]);
}

#[test]
fn ten_runs_have_a_name_and_the_rest_is_added_up() {
    let mut runs: Vec<_> = (1..=30).map(|id| run(id, RunState::Finished)).collect();
    // The oldest is not over yet.
    runs[0].state = RunState::Active;
    // Two faults that would cancel out.
    runs[1].books.migrated += 1;
    runs[2].books.migrated -= 1;
    let text = snapshot(runs).text();
    let named = |line: &&str| line.starts_with("ferry_run_books_imbalance{run=\"wave-");
    assert_eq!(text.lines().filter(named).count(), NAMED_RUNS);
    assert!(text.contains(r#"{run="wave-1"}"#));
    assert!(text.contains(r#"{run="wave-22"}"#));
    assert!(!text.contains(r#"{run="wave-21"}"#));
    let migrated = format!(r#"ferry_run_sessions{{run="{OTHER_RUNS}",state="migrated"}} 60"#);
    let off = format!(r#"ferry_run_books_imbalance{{run="{OTHER_RUNS}"}} 2"#);
    assert_has(&text, &[&migrated, &off]);
}

#[test]
fn a_name_with_quotes_is_one_label() {
    let mut odd = run(1, RunState::Active);
    odd.name = "a \"b\"\n\\c".to_owned();
    let text = snapshot(vec![odd]).text();
    assert_has(
        &text,
        &[r#"ferry_run_books_imbalance{run="a \"b\"\n\\c"} 0"#],
    );
}
