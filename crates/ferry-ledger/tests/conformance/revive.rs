//! A newer token brings a session into the newer run.

use std::time::Duration;

use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, SkipReason};
use ferry_core::state::{SessionState, UnresolvedState};
use ferry_ledger::LedgerError;
use secrecy::ExposeSecret;

use crate::bench::{Bench, LEASE};
use crate::ends::{dead, migrated, retried, skipped, unanswered};
use crate::people::{alice_active, bob_expired};

on_every_backend![
    a_queued_session_is_revived,
    a_waiting_session_is_revived,
    a_running_session_is_revived,
    a_dead_session_is_revived,
    a_skipped_session_is_revived,
    a_row_that_was_skipped_when_it_was_read_is_revived,
    a_revoked_session_is_never_revived,
    a_migrated_session_is_never_revived,
    the_same_or_an_older_token_revives_nothing,
    a_row_that_cannot_be_carried_revives_nothing,
    a_session_may_be_handed_over_again,
    sessions_of_a_run_that_was_given_up_are_taken_over_with_the_same_token,
    the_old_lease_of_a_revived_session_can_no_longer_record,
    the_sweeper_waits_until_the_old_lease_is_over,
];

/// The time that a revival gives to a call which is under way.
const QUIET_AFTER_REVIVAL: Duration = Duration::from_secs(30);

async fn a_queued_session_is_revived(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    assert_revives_alice(bench, spring).await
}

async fn a_waiting_session_is_revived(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(unanswered(&lease, LEASE)).await?;
    assert_revives_alice(bench, spring).await
}

async fn a_running_session_is_revived(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    bench.lease(&alice_active()).await?;
    assert_revives_alice(bench, spring).await
}

async fn a_dead_session_is_revived(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(retried(&lease, Duration::ZERO)).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(dead(&lease, DeadReason::TokenRefused)).await?;
    assert_revives_alice(bench, spring).await
}

async fn a_skipped_session_is_revived(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(skipped(&lease, SkipReason::Expired)).await?;
    assert_revives_alice(bench, spring).await
}

/// Alice's newer token, in a later run, is carried there as if she had never been seen.
async fn assert_revives_alice(bench: &mut Bench, spring: RunId) -> Result<(), LedgerError> {
    let before = bench.row(&alice_active()).await;
    let newer = alice_active().with_newer_token();
    let summer = bench.begin("summer").await?.id;
    let registered = bench.register(summer, [newer.clone()]).await?;
    assert_eq!((registered.revived, registered.duplicates), (1, 0));
    let after = bench.row(&newer).await;
    assert_eq!(after.session, before.session);
    assert_eq!((after.run, after.state), (summer, SessionState::Queued));
    assert_eq!((&after.reason, &after.error_type), (&None, &None));
    assert_eq!((after.attempts_spent, after.unknown_outcomes), (0, 0));
    assert!(after.fence > before.fence && after.has_token && after.waits_until.is_none());
    let (old, new) = (
        bench.ledger.books(spring).await?,
        bench.ledger.books(summer).await?,
    );
    assert_eq!((old.exported, old.handed_over, old.sessions()), (1, 1, 0));
    assert_eq!((new.exported, new.queued), (1, 1));
    bench.ledger.end_registering(summer).await?;
    assert_eq!(bench.due_from_head(summer).await?, [after.session]);
    assert_eq!(bench.due_from_head(spring).await?, []);
    let lease = bench.lease(&newer).await?;
    let token = lease.access_token.as_ref().expect("it opens");
    assert_eq!(token.expose_secret(), newer.token());
    assert!(bench.record(migrated(&lease)).await?);
    bench.assert_books_balance().await
}

async fn a_row_that_was_skipped_when_it_was_read_is_revived(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [bob_expired()]).await?;
    let bob_active = bob_expired().with_newer_token().usable();
    let summer = bench.begin("summer").await?.id;
    let registered = bench.register(summer, [bob_active.clone()]).await?;
    assert_eq!((registered.revived, registered.duplicates), (1, 0));
    let row = bench.row(&bob_active).await;
    assert_eq!((row.run, row.state), (summer, SessionState::Queued));
    assert!(row.has_token);
    Ok(())
}

async fn a_revoked_session_is_never_revived(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(skipped(&lease, SkipReason::Revoked)).await?;
    assert_revives_nothing(bench).await
}

async fn a_migrated_session_is_never_revived(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    assert_revives_nothing(bench).await
}

async fn assert_revives_nothing(bench: &mut Bench) -> Result<(), LedgerError> {
    let before = bench.row(&alice_active()).await;
    let summer = bench.begin("summer").await?.id;
    let newer = alice_active().with_newer_token();
    let registered = bench.register(summer, [newer]).await?;
    assert_eq!((registered.revived, registered.duplicates), (0, 1));
    assert_eq!(bench.row(&alice_active()).await, before);
    Ok(())
}

async fn the_same_or_an_older_token_revives_nothing(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench
        .record(dead(&lease, DeadReason::MemberMissing))
        .await?;
    let before = bench.row(&alice_active()).await;
    let summer = bench.begin("summer").await?.id;
    for older in [alice_active(), alice_active().with_token_for(59)] {
        let registered = bench.register(summer, [older]).await?;
        assert_eq!((registered.revived, registered.duplicates), (0, 1));
    }
    assert_eq!(bench.row(&alice_active()).await, before);
    Ok(())
}

async fn a_row_that_cannot_be_carried_revives_nothing(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let before = bench.row(&alice_active()).await;
    let summer = bench.begin("summer").await?.id;
    let useless = alice_active()
        .with_newer_token()
        .skipped(SkipReason::MissingScope);
    assert_eq!(bench.register(summer, [useless]).await?.revived, 0);
    assert_eq!(bench.row(&alice_active()).await, before);
    Ok(())
}

async fn a_session_may_be_handed_over_again(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut runs = Vec::new();
    for (name, minutes) in [("spring", 60), ("summer", 61), ("autumn", 62)] {
        let alice = alice_active().with_token_for(minutes);
        runs.push(bench.active_run(name, [alice]).await?);
    }
    for (run, handed_over) in runs.into_iter().zip([1, 1, 0]) {
        let books = bench.ledger.books(run).await?;
        assert_eq!((books.exported, books.handed_over), (1, handed_over));
    }
    Ok(())
}

async fn sessions_of_a_run_that_was_given_up_are_taken_over_with_the_same_token(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let given_up = bench.begin("spring").await?.id;
    bench.register(given_up, [alice_active()]).await?;
    let summer = bench.begin("summer").await?.id;
    let registered = bench.register(summer, [alice_active()]).await?;
    assert_eq!((registered.revived, registered.duplicates), (1, 0));
    bench.ledger.end_registering(summer).await?;
    assert_eq!(bench.ledger.books(given_up).await?.handed_over, 1);
    let lease = bench.lease(&alice_active()).await?;
    assert_eq!(lease.run, summer);
    Ok(())
}

async fn the_old_lease_of_a_revived_session_can_no_longer_record(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let old = bench.lease(&alice_active()).await?;
    let newer = alice_active().with_newer_token();
    bench.active_run("summer", [newer.clone()]).await?;
    let before = bench.row(&newer).await;
    assert!(!bench.record(migrated(&old)).await?);
    assert_eq!(bench.row(&newer).await, before);
    let history = bench.tables.attempts(old.session).await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].attempt, old.attempt);
    assert_eq!(history[0].outcome, "taken_over");
    let listed = bench.tables.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].attempt, listed[0].run), (old.attempt, spring));
    assert_eq!(listed[0].state, UnresolvedState::Unresolved);
    Ok(())
}

async fn the_sweeper_waits_until_the_old_lease_is_over(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let live = bench.lease(&alice_active()).await?;
    bench.clock.advance(LEASE / 2);
    let newer = alice_active().with_token_for(61);
    bench.active_run("summer", [newer.clone()]).await?;
    let over = bench.lease(&newer).await?;
    bench.clock.advance(LEASE * 2);
    let newest = alice_active().with_token_for(62);
    bench.active_run("autumn", [newest]).await?;
    let due: Vec<_> = bench.tables.listed().await;
    let due: Vec<_> = due.iter().map(|row| (row.attempt, row.due_at)).collect();
    let expected = [
        (live.attempt, live.until.plus(QUIET_AFTER_REVIVAL)),
        (over.attempt, bench.now().plus(QUIET_AFTER_REVIVAL)),
    ];
    assert_eq!(due, expected);
    Ok(())
}
