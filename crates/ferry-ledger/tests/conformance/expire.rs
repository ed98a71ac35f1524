//! Who is not called any more, because the token is over.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::state::SessionState;
use ferry_ledger::LedgerError;

use crate::bench::Bench;
use crate::clock::noon_plus;
use crate::ends::{deferred, migrated};
use crate::people::{alice_active, carol_active, dave_in_a_hurry};

on_every_backend![
    what_expired_before_its_turn_is_skipped_and_its_token_forgotten,
    what_expired_while_it_waited_waits_no_longer,
    what_is_leased_is_left_to_its_holder,
    what_was_seen_before_is_not_looked_at_again,
    another_runs_sessions_are_left_alone,
];

const THE_BEGINNING: Timestamp = Timestamp::from_millis(0);

async fn what_expired_before_its_turn_is_skipped_and_its_token_forgotten(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let rows = [alice_active(), carol_active()];
    let run = bench.active_run("spring", rows).await?;
    let her_end = noon_plus(60);
    bench.clock.set_just_before(her_end);
    assert_eq!(bench.ledger.expire(run, THE_BEGINNING).await?, 0);
    bench.clock.set(her_end);
    assert_eq!(bench.ledger.expire(run, THE_BEGINNING).await?, 1);
    let alice = bench.row(&alice_active()).await;
    assert_eq!(alice.state, SessionState::Skipped);
    assert_eq!(alice.reason.as_deref(), Some("expired"));
    assert!(!alice.has_token);
    let carol = bench.row(&carol_active()).await;
    assert_eq!(carol.state, SessionState::Queued);
    assert!(carol.has_token);
    bench.assert_books_balance().await
}

async fn what_expired_while_it_waited_waits_no_longer(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    let wait = Duration::from_hours(3);
    bench.record(deferred(&lease, wait)).await?;
    bench.clock.set(noon_plus(61));
    assert_eq!(bench.ledger.expire(run, THE_BEGINNING).await?, 1);
    let row = bench.row(&alice_active()).await;
    assert_eq!(row.state, SessionState::Skipped);
    assert!(row.waits_until.is_none() && !row.has_token);
    bench.clock.advance(wait);
    assert_eq!(bench.due_from_head(run).await?, []);
    Ok(())
}

async fn what_is_leased_is_left_to_its_holder(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [dave_in_a_hurry()]).await?;
    let lease = bench.lease(&dave_in_a_hurry()).await?;
    bench.clock.set(noon_plus(11));
    assert_eq!(bench.ledger.expire(run, THE_BEGINNING).await?, 0);
    assert!(bench.row(&dave_in_a_hurry()).await.has_token);
    assert!(bench.record(migrated(&lease)).await?);
    Ok(())
}

async fn what_was_seen_before_is_not_looked_at_again(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [dave_in_a_hurry(), alice_active()];
    let run = bench.active_run("spring", rows).await?;
    bench.clock.set(noon_plus(10));
    assert_eq!(bench.ledger.expire(run, THE_BEGINNING).await?, 1);
    bench.clock.set(noon_plus(60));
    assert_eq!(bench.ledger.expire(run, noon_plus(10)).await?, 1);
    assert_eq!(bench.ledger.expire(run, noon_plus(60)).await?, 0);
    Ok(())
}

async fn another_runs_sessions_are_left_alone(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [carol_active()]).await?;
    bench.active_run("summer", [dave_in_a_hurry()]).await?;
    bench.clock.set(noon_plus(30));
    assert_eq!(bench.ledger.expire(spring, THE_BEGINNING).await?, 0);
    let dave = bench.row(&dave_in_a_hurry()).await;
    assert_eq!(dave.state, SessionState::Queued);
    Ok(())
}
