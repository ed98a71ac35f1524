//! How all runs stand.

use std::time::Duration;

use ferry_core::id::WorkerId;
use ferry_core::reason::{DeadReason, PauseCause, SkipReason};
use ferry_core::session::ExportRow;
use ferry_core::state::{MappingState, RunState, UnresolvedState};
use ferry_ledger::LedgerError;

use crate::bench::{Bench, LEASE};
use crate::clock::noon_plus;
use crate::ends::{dead, migrated, retried, unanswered};
use crate::people::{a_crowd, alice_active, bob_expired, rejected};

on_every_backend![
    a_survey_tells_of_each_run_what_its_books_tell,
    a_survey_tells_what_waits_and_what_is_due,
    a_survey_tells_reasons_mappings_and_unknown_outcomes,
    an_empty_ledger_has_an_empty_survey,
];

async fn a_survey_tells_of_each_run_what_its_books_tell(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let mut rows: Vec<ExportRow> = a_crowd(5).map(Into::into).collect();
    rows.extend([rejected(6), bob_expired().into()]);
    let spring = bench.active_run("spring", rows).await?;
    let summer = bench.active_run("summer", [alice_active()]).await?;
    bench.ledger.pause(summer, PauseCause::Credentials).await?;
    let lease = bench.lease(&a_crowd(1).next().expect("one")).await?;
    bench.record(migrated(&lease)).await?;
    let survey = bench.ledger.survey().await?;
    assert_eq!(survey.read_at, bench.now());
    let [newest, oldest] = &survey.runs[..] else {
        panic!("{survey:?}");
    };
    assert_eq!((oldest.id, oldest.name.as_str()), (spring, "spring"));
    assert_eq!(oldest.books, bench.ledger.books(spring).await?);
    assert_eq!((oldest.state, oldest.pause_cause), (RunState::Active, None));
    assert_eq!(newest.books, bench.ledger.books(summer).await?);
    assert_eq!(newest.pause_cause, Some(PauseCause::Credentials));
    assert_eq!(oldest.skipped, [(Some(SkipReason::Expired), 1)]);
    Ok(())
}

async fn a_survey_tells_what_waits_and_what_is_due(bench: &mut Bench) -> Result<(), LedgerError> {
    let people: Vec<_> = a_crowd(3).collect();
    bench.active_run("spring", people.clone()).await?;
    for (person, after) in people.iter().zip([60, 120]) {
        let lease = bench.lease(person).await?;
        bench
            .record(retried(&lease, Duration::from_secs(after)))
            .await?;
    }
    bench.clock.advance(Duration::from_secs(90));
    let survey = bench.ledger.survey().await?;
    let run = &survey.runs[0];
    assert_eq!((run.due, run.due_since), (1, Some(noon_plus(1))));
    // Their tokens live until half past noon.
    let rate = ferry_core::budget::Rate::per_second(1.0).expect("a rate");
    let forecast = run.expiries.forecast(rate, survey.read_at);
    assert_eq!((forecast.carried, forecast.over), (3, 0));
    let late = run.expiries.forecast(rate, noon_plus(30));
    assert_eq!((late.carried, late.over), (0, 3));
    Ok(())
}

async fn a_survey_tells_reasons_mappings_and_unknown_outcomes(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let people: Vec<_> = a_crowd(4).collect();
    bench.active_run("spring", people.clone()).await?;
    for person in &people[..2] {
        let lease = bench.lease(person).await?;
        bench
            .record(dead(&lease, DeadReason::MemberMissing))
            .await?;
    }
    let lease = bench.lease(&people[2]).await?;
    bench.record(migrated(&lease)).await?;
    let lease = bench.lease(&people[3]).await?;
    bench.record(unanswered(&lease, LEASE)).await?;
    let worker = WorkerId([7; 16]);
    bench.ledger.heartbeat(worker, "host:1", LEASE).await?;
    let survey = bench.ledger.survey().await?;
    let run = &survey.runs[0];
    assert_eq!(run.dead, [(Some(DeadReason::MemberMissing), 2)]);
    assert_eq!(run.unresolved, [(UnresolvedState::Unresolved, 1)]);
    assert_eq!(survey.mappings, [(MappingState::Live, 1)]);
    assert_eq!((survey.workers, survey.sweep_due_since), (1, None));
    bench.clock.advance(Duration::from_hours(1));
    let survey = bench.ledger.survey().await?;
    assert_eq!(survey.workers, 0);
    let since = survey.sweep_due_since.expect("a look is due");
    assert!(since < survey.read_at, "{survey:?}");
    Ok(())
}

async fn an_empty_ledger_has_an_empty_survey(bench: &mut Bench) -> Result<(), LedgerError> {
    let survey = bench.ledger.survey().await?;
    assert!(survey.runs.is_empty() && survey.mappings.is_empty());
    assert_eq!((survey.workers, survey.sweep_due_since), (0, None));
    Ok(())
}
