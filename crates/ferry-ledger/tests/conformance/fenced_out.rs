//! Results that come too late, or twice.

use std::time::Duration;

use ferry_core::reason::DeadReason;
use ferry_core::state::{RunState, SessionState, UnresolvedState};
use ferry_ledger::LedgerError;
use ferry_ledger::claim::Lease;
use ferry_ledger::sweep::Looked;

use crate::bench::{Bench, LEASE, QUIET, SECOND_LOOK};
use crate::ends::{
    dead, for_somebody_else, halted, migrated, minted_id, retried, skipped, unanswered,
};
use crate::people::alice_active;

on_every_backend![
    a_result_under_an_old_fence_changes_nothing,
    a_result_that_comes_after_the_end_changes_nothing,
    a_session_minted_too_late_tells_the_sweeper_its_member,
    a_stranger_minted_too_late_tells_the_sweeper_the_member,
    a_look_taken_before_the_member_was_known_does_not_count,
    a_late_result_opens_the_audit_of_a_finished_run_again,
    a_member_told_while_the_sweeper_looks_is_not_lost,
    the_same_end_twice_is_recorded_once,
    both_results_of_one_session_may_come_in_one_commit,
];

/// Two leases on Alice's session: the second took the first one over.
async fn two_leases(bench: &mut Bench) -> Result<[Lease; 2], LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let old = bench.lease(&alice_active()).await?;
    bench.clock.set(old.until);
    let new = bench.lease(&alice_active()).await?;
    Ok([old, new])
}

async fn a_result_under_an_old_fence_changes_nothing(bench: &mut Bench) -> Result<(), LedgerError> {
    let [old, new] = two_leases(bench).await?;
    let before = bench.row(&alice_active()).await;
    let history = bench.tables.attempts(old.session).await;
    let too_late = [
        migrated(&old),
        retried(&old, LEASE),
        halted(&old),
        unanswered(&old, LEASE),
        dead(&old, DeadReason::TokenRefused),
        skipped(&old, ferry_core::reason::SkipReason::Expired),
    ];
    for finished in too_late {
        assert!(!bench.record(finished).await?);
        assert_eq!(bench.row(&alice_active()).await, before);
    }
    assert_eq!(bench.tables.attempts(old.session).await, history);
    assert!(bench.record(migrated(&new)).await?);
    assert_eq!(
        bench.row(&alice_active()).await.mapped_to,
        Some(minted_id(&new))
    );
    Ok(())
}

async fn a_result_that_comes_after_the_end_changes_nothing(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let [old, new] = two_leases(bench).await?;
    bench.record(migrated(&new)).await?;
    let before = bench.row(&alice_active()).await;
    assert!(!bench.record(migrated(&old)).await?);
    assert_eq!(bench.row(&alice_active()).await, before);
    Ok(())
}

async fn a_session_minted_too_late_tells_the_sweeper_its_member(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let [old, _] = two_leases(bench).await?;
    let due_at = bench.tables.listed().await[0].due_at;
    bench.record(migrated(&old)).await?;
    let listed = bench.tables.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].attempt, old.attempt);
    let member = format!("member-{}", old.session);
    assert_eq!(listed[0].member_id, Some(member));
    let organization = listed[0].organization_id.as_deref();
    assert_eq!(organization, Some("organization-acme"));
    // Stytch has answered, but the quiet time is kept.
    assert_eq!(listed[0].due_at, due_at);
    Ok(())
}

async fn a_stranger_minted_too_late_tells_the_sweeper_the_member(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let [old, _] = two_leases(bench).await?;
    bench.record(for_somebody_else(&old)).await?;
    let listed = bench.tables.listed().await;
    assert_eq!(listed[0].member_id.as_deref(), Some("member-mallory"));
    Ok(())
}

async fn a_look_taken_before_the_member_was_known_does_not_count(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let [old, _] = two_leases(bench).await?;
    bench.clock.advance(QUIET);
    let looks = [
        (true, UnresolvedState::Swept),
        (true, UnresolvedState::Swept),
        (false, UnresolvedState::Unverifiable),
    ];
    for (verifiable, state) in looks {
        bench
            .tables
            .change("UPDATE unresolved_attempts SET member_id = NULL".to_owned())
            .await;
        let looked = Looked {
            attempt: old.attempt,
            revoked: 0,
            verifiable,
        };
        bench.ledger.looked(&[looked], SECOND_LOOK).await?;
        assert_eq!(bench.tables.listed().await[0].state, state);
        bench.record(migrated(&old)).await?;
        let listed = bench.tables.listed().await;
        assert_eq!(listed[0].state, UnresolvedState::Unresolved);
        assert!(listed[0].member_id.is_some());
        // At once: the second look of the one that does not count would be far off.
        assert_eq!(bench.ledger.unresolved_due(10).await?.len(), 1);
    }
    Ok(())
}

/// The worker was slow to record: meanwhile its session was carried, its attempt looked up, and the
/// run finished.
async fn a_late_result_opens_the_audit_of_a_finished_run_again(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let [old, new] = two_leases(bench).await?;
    bench.record(migrated(&new)).await?;
    bench.clock.advance(QUIET);
    let looked = Looked {
        attempt: old.attempt,
        revoked: 0,
        verifiable: true,
    };
    bench.ledger.looked(&[looked], SECOND_LOOK).await?;
    assert_eq!(bench.ledger.settle(old.run).await?, RunState::Finished);
    bench.record(migrated(&old)).await?;
    let run = bench.ledger.run("spring").await?;
    assert_eq!((run.state, run.finished_at), (RunState::Auditing, None));
    assert_eq!(bench.ledger.settle(old.run).await?, RunState::Auditing);
    bench.ledger.looked(&[looked], SECOND_LOOK).await?;
    assert_eq!(bench.ledger.settle(old.run).await?, RunState::Finished);
    Ok(())
}

/// The sweeper knew nobody when it began to look; meanwhile the late result named the member. The
/// look has found nothing, but it must not be the last.
async fn a_member_told_while_the_sweeper_looks_is_not_lost(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let [old, _] = two_leases(bench).await?;
    bench.clock.advance(QUIET);
    let due = bench.ledger.unresolved_due(10).await?;
    assert_eq!(due[0].members, []);
    bench.record(migrated(&old)).await?;
    let in_vain = Looked {
        attempt: old.attempt,
        revoked: 0,
        verifiable: false,
    };
    bench.ledger.looked(&[in_vain], SECOND_LOOK).await?;
    assert_eq!(
        bench.tables.listed().await[0].state,
        UnresolvedState::Unresolved
    );
    let due = bench.ledger.unresolved_due(10).await?;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].members.len(), 1);
    Ok(())
}

async fn the_same_end_twice_is_recorded_once(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let ends: [fn(&Lease) -> _; 4] = [
        |lease| retried(lease, LEASE),
        |lease| unanswered(lease, LEASE),
        halted,
        migrated,
    ];
    for end in ends {
        let lease = bench.lease(&alice_active()).await?;
        assert!(bench.record(end(&lease)).await?);
        let row = bench.row(&alice_active()).await;
        let history = bench.tables.attempts(lease.session).await;
        let listed = bench.tables.listed().await;
        bench.clock.advance(Duration::from_secs(1));
        assert!(bench.record(end(&lease)).await?, "as recorded");
        assert_eq!(bench.row(&alice_active()).await, row);
        assert_eq!(bench.tables.attempts(lease.session).await, history);
        assert_eq!(bench.tables.listed().await, listed);
        bench.clock.advance(LEASE);
    }
    bench.assert_books_balance().await
}

/// A process that was paused beyond its own lease holds both when it goes on.
async fn both_results_of_one_session_may_come_in_one_commit(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let [old, new] = two_leases(bench).await?;
    let both = [migrated(&old), migrated(&new)];
    let recorded = bench.ledger.record(&both, &mut bench.rng).await?;
    assert!(recorded.contains(&new.session));
    let row = bench.row(&alice_active()).await;
    assert_eq!(row.state, SessionState::Migrated);
    assert_eq!(row.mapped_to, Some(minted_id(&new)));
    let listed = bench.tables.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].attempt, old.attempt);
    assert!(listed[0].member_id.is_some());
    Ok(())
}
