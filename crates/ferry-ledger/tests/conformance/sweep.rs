//! Attempts of unknown outcome, from listed to closed.

use std::time::Duration;

use ferry_core::id::AttemptId;
use ferry_core::reason::DeadReason;
use ferry_core::state::{SessionState, UnresolvedState};
use ferry_ledger::LedgerError;
use ferry_ledger::sweep::Looked;

use crate::bench::{Bench, LEASE, QUIET, SECOND_LOOK};
use crate::ends::{dead, unanswered};
use crate::people::{alice_active, carol_active, dave_in_a_hurry};

on_every_backend![
    an_attempt_is_not_due_before_its_quiet_time_is_over,
    each_attempt_is_looked_at_twice,
    what_nobody_can_verify_is_not_looked_at_again,
    a_look_may_be_put_off,
    first_looks_go_before_second_ones,
    what_is_due_tells_where_its_session_stands,
    a_ledger_without_unresolved_attempts_has_no_next_look,
];

fn looked(attempt: AttemptId, revoked: u32) -> Looked {
    Looked {
        attempt,
        revoked,
        verifiable: true,
    }
}

/// Makes an attempt of unknown outcome of this person, who then waits.
async fn unresolved_attempt(
    bench: &mut Bench,
    person: &crate::people::Person,
) -> Result<AttemptId, LedgerError> {
    let lease = bench.lease(person).await?;
    bench.record(unanswered(&lease, LEASE)).await?;
    Ok(lease.attempt)
}

async fn due(bench: &Bench) -> Result<Vec<AttemptId>, LedgerError> {
    let due = bench.ledger.unresolved_due(100).await?;
    Ok(due.iter().map(|unresolved| unresolved.attempt).collect())
}

async fn an_attempt_is_not_due_before_its_quiet_time_is_over(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let attempt = unresolved_attempt(bench, &alice_active()).await?;
    let end = bench.now().plus(QUIET);
    bench.clock.set_just_before(end);
    assert_eq!(due(bench).await?, []);
    assert_eq!(bench.ledger.next_look().await?, Some(end));
    bench.clock.set(end);
    assert_eq!(due(bench).await?, [attempt]);
    Ok(())
}

async fn each_attempt_is_looked_at_twice(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let attempt = unresolved_attempt(bench, &alice_active()).await?;
    bench.clock.advance(QUIET);
    bench
        .ledger
        .looked(&[looked(attempt, 1)], SECOND_LOOK)
        .await?;
    assert_eq!(due(bench).await?, []);
    let audit = bench.ledger.audit(run).await?;
    assert_eq!((audit.unresolved, audit.second_look), (0, 1));
    bench.clock.advance(SECOND_LOOK);
    let second = bench.ledger.unresolved_due(100).await?;
    assert_eq!(second[0].state, UnresolvedState::Swept);
    bench
        .ledger
        .looked(&[looked(attempt, 2)], SECOND_LOOK)
        .await?;
    let listed = bench.tables.listed().await;
    assert_eq!(listed[0].state, UnresolvedState::Closed);
    assert_eq!(listed[0].revoked, 3);
    bench.clock.advance(SECOND_LOOK);
    assert_eq!(due(bench).await?, []);
    assert_eq!(bench.ledger.next_look().await?, None);
    Ok(())
}

async fn what_nobody_can_verify_is_not_looked_at_again(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let attempt = unresolved_attempt(bench, &alice_active()).await?;
    bench.clock.advance(QUIET);
    let unverifiable = Looked {
        verifiable: false,
        ..looked(attempt, 0)
    };
    bench.ledger.looked(&[unverifiable], SECOND_LOOK).await?;
    bench.clock.advance(SECOND_LOOK);
    assert_eq!(due(bench).await?, []);
    let audit = bench.ledger.audit(run).await?;
    assert_eq!((audit.unresolved, audit.unverifiable), (0, 1));
    Ok(())
}

async fn a_look_may_be_put_off(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [alice_active(), carol_active()];
    bench.active_run("spring", rows).await?;
    let alices = unresolved_attempt(bench, &alice_active()).await?;
    let carols = unresolved_attempt(bench, &carol_active()).await?;
    bench.clock.advance(QUIET);
    let pause = Duration::from_secs(2);
    bench.ledger.look_later(&[alices], pause).await?;
    assert_eq!(due(bench).await?, [carols]);
    bench.clock.advance(pause);
    assert_eq!(due(bench).await?, [carols, alices]);
    let listed = bench.tables.listed().await;
    assert_eq!(listed[0].state, UnresolvedState::Unresolved);
    Ok(())
}

async fn first_looks_go_before_second_ones(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [alice_active(), carol_active(), dave_in_a_hurry()];
    bench.active_run("spring", rows).await?;
    let alices = unresolved_attempt(bench, &alice_active()).await?;
    bench.clock.advance(QUIET);
    bench.ledger.looked(&[looked(alices, 0)], QUIET).await?;
    let carols = unresolved_attempt(bench, &carol_active()).await?;
    bench.clock.advance(Duration::from_secs(1));
    let daves = unresolved_attempt(bench, &dave_in_a_hurry()).await?;
    bench.clock.advance(SECOND_LOOK);
    assert_eq!(due(bench).await?, [carols, daves, alices]);
    let first = bench.ledger.unresolved_due(1).await?;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].attempt, carols);
    Ok(())
}

async fn what_is_due_tells_where_its_session_stands(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let attempt = unresolved_attempt(bench, &alice_active()).await?;
    bench.clock.advance(QUIET);
    let due = bench.ledger.unresolved_due(10).await?;
    let [waiting] = &due[..] else {
        panic!("{due:?}")
    };
    assert_eq!(waiting.attempt, attempt);
    assert_eq!(waiting.session, bench.session(&alice_active()).await);
    assert_eq!(waiting.session_state, SessionState::Waiting);
    assert_eq!(waiting.dead_reason, None);
    assert_eq!(waiting.organization, "acme");
    assert_eq!(waiting.email.as_deref(), Some("alice@example.com"));
    let lease = bench.lease(&alice_active()).await?;
    bench
        .record(dead(&lease, DeadReason::MemberMissing))
        .await?;
    let over = &bench.ledger.unresolved_due(10).await?[0];
    assert_eq!(over.session_state, SessionState::Dead);
    assert_eq!(over.dead_reason, Some(DeadReason::MemberMissing));
    Ok(())
}

async fn a_ledger_without_unresolved_attempts_has_no_next_look(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    assert_eq!(bench.ledger.next_look().await?, None);
    assert_eq!(due(bench).await?, []);
    Ok(())
}
