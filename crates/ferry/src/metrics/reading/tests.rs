use ferry_core::books::Books;
use ferry_core::budget::Budget as Booked;
use ferry_core::ceiling::{Ceiling, ReadAt, Report};
use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, PauseCause};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

fn rate(calls: f64) -> Rate {
    Rate::per_second(calls).unwrap()
}

fn ten_per_second() -> Rates {
    Rates {
        stytch: crate::config::Rate::PerSecond(rate(10.0)),
        ..Rates::default()
    }
}

fn moment() -> Moment {
    Moment::from_micros(NOW.as_millis() * 1000)
}

fn row(configured: f64, report: Report) -> BudgetRow {
    let config = CeilingConfig::of(rate(configured));
    let mut ceiling = Ceiling::new(config);
    let report = Report {
        trial: ceiling.evidence(moment()),
        ..report
    };
    let at = ReadAt {
        now: moment(),
        booked_until: moment(),
    };
    ceiling.observe(report, config, at);
    BudgetRow {
        name: BudgetName::Stytch,
        budget: Booked::default(),
        configured: rate(configured),
        ceiling,
    }
}

fn run(id: i64, state: RunState, books: Books) -> SurveyedRun {
    let open = books.open();
    SurveyedRun {
        id: RunId(id),
        name: format!("wave-{id}"),
        state,
        pause_cause: (state == RunState::Paused).then_some(PauseCause::Operator),
        books,
        dead: vec![(Some(DeadReason::Refused), 1), (None, 2), (None, 3)],
        skipped: Vec::new(),
        due: 0,
        due_since: None,
        unresolved: Vec::new(),
        expiries: Expiries::new([(NOW.plus(Duration::from_secs(5)), open)]),
    }
}

fn queued(count: u64) -> Books {
    Books {
        exported: count,
        queued: count,
        ..Books::default()
    }
}

fn survey(runs: Vec<SurveyedRun>) -> Survey {
    Survey {
        read_at: NOW,
        runs,
        mappings: Vec::new(),
        sweep_due_since: Some(NOW),
        workers: 1,
    }
}

fn shown(runs: Vec<SurveyedRun>, settled_per_second: f64) -> ServiceSnapshot {
    let pace = Pace::of(&ten_per_second(), &[], settled_per_second, NOW);
    snapshot(survey(runs), &pace, None, Duration::ZERO)
}

#[test]
fn what_limits_is_told_by_what_there_is_to_do_and_how_fast_it_goes() {
    let active = |books| vec![run(1, RunState::Active, books)];
    let waiting = Books {
        waiting: 3,
        ..Books::default()
    };
    assert_eq!(shown(Vec::new(), 0.0).limited_by, LimitedBy::NothingLeft);
    assert_eq!(
        shown(active(queued(0)), 0.0).limited_by,
        LimitedBy::NothingLeft
    );
    let paused = vec![run(1, RunState::Paused, queued(3))];
    assert_eq!(shown(paused, 0.0).limited_by, LimitedBy::Paused);
    assert_eq!(shown(active(waiting), 0.0).limited_by, LimitedBy::NotDue);
    assert_eq!(shown(active(queued(3)), 7.9).limited_by, LimitedBy::Workers);
    assert_eq!(shown(active(queued(3)), 8.0).limited_by, LimitedBy::Stytch);
}

#[test]
fn the_workers_rate_stands_over_that_of_who_looks() {
    let theirs = [row(50.0, Report::default())];
    let pace = Pace::of(&ten_per_second(), &theirs, 30.0, NOW);
    let shown = snapshot(
        survey(vec![run(1, RunState::Active, queued(9))]),
        &pace,
        None,
        Duration::ZERO,
    );
    assert_eq!(shown.allowed[0].rate, rate(50.0));
    assert_eq!(shown.limited_by, LimitedBy::Workers);
}

#[test]
fn being_asked_to_wait_is_what_limits_until_it_is_over() {
    let refused = Report {
        refused: 100,
        retry_after: Some(Duration::from_secs(20)),
        ..Report::default()
    };
    let rows = [row(10.0, refused)];
    let active = || survey(vec![run(1, RunState::Active, queued(9))]);
    let pace = Pace::of(&ten_per_second(), &rows, 0.0, NOW);
    let shown = snapshot(active(), &pace, None, Duration::ZERO);
    assert_eq!(shown.limited_by, LimitedBy::AskedToWait);
    let later = NOW.plus(Duration::from_mins(1));
    let pace = Pace::of(&ten_per_second(), &rows, 9.9, later);
    let shown = snapshot(active(), &pace, None, Duration::ZERO);
    assert_ne!(shown.limited_by, LimitedBy::AskedToWait);
}

#[test]
fn runs_share_the_rate_in_the_forecast() {
    let runs = vec![
        run(2, RunState::Active, queued(30)),
        run(1, RunState::Paused, queued(40)),
        run(3, RunState::Finished, queued(0)),
    ];
    let shown = shown(runs, 0.0);
    // Fifty calls in five seconds.
    let expiring: u64 = shown
        .runs
        .iter()
        .filter_map(|run| run.forecast)
        .map(|forecast| forecast.expiring)
        .sum();
    assert_eq!(expiring, 20);
    assert!(shown.runs[2].forecast.is_none());
}

#[test]
fn without_a_rate_there_is_no_forecast_and_nothing_is_allowed() {
    let unlimited = Rates {
        stytch: crate::config::Rate::Unlimited,
        ..Rates::default()
    };
    let pace = Pace::of(&unlimited, &[], 1000.0, NOW);
    let shown = snapshot(
        survey(vec![run(1, RunState::Active, queued(9))]),
        &pace,
        None,
        Duration::ZERO,
    );
    assert!(shown.allowed.is_empty());
    assert!(shown.runs[0].forecast.is_none());
    assert_eq!(shown.limited_by, LimitedBy::Workers);
}

#[test]
fn reasons_that_only_a_newer_release_knows_are_added_up() {
    let shown = shown(vec![run(1, RunState::Active, queued(1))], 0.0);
    assert_eq!(shown.runs[0].dead[&None], 5);
}
