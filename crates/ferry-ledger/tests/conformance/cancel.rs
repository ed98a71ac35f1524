//! A run that is given up.

use std::time::Duration;

use ferry_core::state::{RunState, SessionState};
use ferry_ledger::LedgerError;
use ferry_ledger::claim::Claim;

use crate::bench::{Bench, LEASE, QUIET};
use crate::ends::{migrated, retried};
use crate::people::{a_crowd, alice_active, bob_expired, carol_active, dave_in_a_hurry};

on_every_backend![
    what_is_not_final_is_skipped_and_its_token_wiped,
    nothing_of_a_cancelled_run_is_called,
    a_call_under_way_ends_without_a_record_and_is_swept,
    a_run_is_cancelled_once,
    a_finished_run_stays_finished,
    a_newer_token_brings_a_cancelled_session_into_a_later_run,
    a_large_run_is_cancelled_whole_and_another_not_at_all,
    what_is_being_registered_meanwhile_is_cancelled_too,
];

async fn what_is_not_final_is_skipped_and_its_token_wiped(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let rows = [
        alice_active(),
        bob_expired(),
        carol_active(),
        dave_in_a_hurry(),
    ];
    let run = bench.active_run("spring", rows).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(retried(&lease, LEASE)).await?;
    assert_eq!(bench.ledger.cancel(run, QUIET).await?, 2);
    for person in [carol_active(), dave_in_a_hurry()] {
        let row = bench.row(&person).await;
        assert_eq!(row.state, SessionState::Skipped);
        assert_eq!(row.reason.as_deref(), Some("cancelled"));
        assert!(!row.has_token && row.waits_until.is_none());
    }
    let alice = bench.row(&alice_active()).await;
    assert_eq!(alice.state, SessionState::Migrated);
    let bob = bench.row(&bob_expired()).await;
    assert_eq!(bob.reason.as_deref(), Some("expired"));
    bench.assert_books_balance().await
}

async fn nothing_of_a_cancelled_run_is_called(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    bench.ledger.cancel(run, QUIET).await?;
    assert_eq!(bench.due_from_head(run).await?, []);
    let claim = bench.claim(&alice_active()).await?;
    assert!(matches!(claim, Claim::Finished), "{claim:?}");
    bench.ledger.resume(run).await?;
    bench.ledger.end_registering(run).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Cancelled);
    Ok(())
}

async fn a_call_under_way_ends_without_a_record_and_is_swept(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    assert_eq!(bench.ledger.cancel(run, QUIET).await?, 1);
    assert!(!bench.record(migrated(&lease)).await?);
    assert_eq!(bench.row(&alice_active()).await.mapped_to, None);
    bench.clock.advance(LEASE + QUIET);
    let [listed] = <[_; 1]>::try_from(bench.ledger.unresolved_due(10).await?).expect("one");
    assert_eq!(listed.attempt, lease.attempt);
    // The late reply told whose session it minted.
    assert_eq!(listed.members.len(), 1);
    Ok(())
}

async fn a_run_is_cancelled_once(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    bench.ledger.cancel(run, QUIET).await?;
    let row = bench.row(&alice_active()).await;
    assert_eq!(bench.ledger.cancel(run, QUIET).await?, 0);
    assert_eq!(bench.row(&alice_active()).await, row);
    Ok(())
}

async fn a_finished_run_stays_finished(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [bob_expired()]).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    assert_eq!(bench.ledger.cancel(run, QUIET).await?, 0);
    assert_eq!(bench.ledger.run("spring").await?.state, RunState::Finished);
    Ok(())
}

async fn a_newer_token_brings_a_cancelled_session_into_a_later_run(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    bench.ledger.cancel(spring, QUIET).await?;
    let newer = alice_active().with_newer_token();
    let summer = bench.active_run("summer", [newer]).await?;
    assert_eq!(bench.due_from_head(summer).await?.len(), 1);
    Ok(())
}

async fn a_large_run_is_cancelled_whole_and_another_not_at_all(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", a_crowd(4_500)).await?;
    let summer = bench.active_run("summer", [alice_active()]).await?;
    assert_eq!(bench.ledger.cancel(spring, QUIET).await?, 4_500);
    assert_eq!(bench.ledger.books(spring).await?.skipped, 4_500);
    assert_eq!(bench.ledger.books(summer).await?.queued, 1);
    Ok(())
}

async fn what_is_being_registered_meanwhile_is_cancelled_too(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    let mut registration = bench.ledger.begin_registration(run, 0).await?;
    let rows = vec![alice_active().into(), carol_active().into()];
    registration.add(rows, &mut bench.rng).await?;
    let ledger = bench.ledger.clone();
    let cancelling = tokio::spawn(async move { ledger.cancel(run, QUIET).await });
    // It must not be through before the commit; the longer it has, the surer.
    tokio::time::sleep(Duration::from_millis(300)).await;
    registration.commit().await?;
    assert_eq!(cancelling.await.expect("no panic")?, 2);
    assert_eq!(bench.ledger.books(run).await?.skipped, 2);
    Ok(())
}
