//! From registering to finished.

use std::time::Duration;

use ferry_core::reason::{DeadReason, PauseCause};
use ferry_core::state::RunState;
use ferry_ledger::LedgerError;
use ferry_ledger::sweep::Looked;

use crate::bench::{Bench, LEASE, QUIET, SECOND_LOOK};
use crate::clock::NOON;
use crate::ends::{dead, migrated, retried, unanswered};
use crate::people::{alice_active, bob_expired, carol_active};

on_every_backend![
    a_run_is_begun_once,
    a_run_that_nobody_began_is_unknown,
    runs_are_shown_newest_first,
    a_run_is_not_settled_while_a_session_is_open,
    a_run_without_unresolved_attempts_is_finished_at_once,
    a_run_is_audited_until_no_attempt_is_unresolved,
    what_nobody_can_verify_does_not_hold_a_run_up,
    another_runs_attempts_do_not_hold_a_run_up,
    a_run_whose_sessions_were_all_handed_over_is_finished,
    the_first_cause_of_a_pause_stands,
    only_an_active_run_is_paused_and_only_a_paused_one_resumed,
    a_paused_run_is_not_settled,
];

async fn state(bench: &Bench, name: &str) -> Result<RunState, LedgerError> {
    Ok(bench.ledger.run(name).await?.state)
}

async fn a_run_is_begun_once(bench: &mut Bench) -> Result<(), LedgerError> {
    let first = bench.begin("spring").await?;
    assert_eq!(first.state, RunState::Registering);
    assert_eq!(
        (first.name.as_str(), first.source.as_str()),
        ("spring", "spring.csv")
    );
    assert_eq!((first.began_at, first.finished_at), (NOON, None));
    bench.clock.advance(LEASE);
    assert_eq!(bench.begin("spring").await?, first);
    Ok(())
}

async fn a_run_that_nobody_began_is_unknown(bench: &mut Bench) -> Result<(), LedgerError> {
    let unknown = bench.ledger.run("spring").await;
    assert!(
        matches!(&unknown, Err(LedgerError::UnknownRun { name }) if name == "spring"),
        "{unknown:?}"
    );
    Ok(())
}

async fn runs_are_shown_newest_first(bench: &mut Bench) -> Result<(), LedgerError> {
    for name in ["spring", "summer", "autumn"] {
        bench.begin(name).await?;
    }
    let runs = bench.ledger.runs().await?;
    let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["autumn", "summer", "spring"]);
    Ok(())
}

async fn a_run_is_not_settled_while_a_session_is_open(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let rows = [alice_active(), bob_expired()];
    let run = bench.active_run("spring", rows).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Active, "queued");
    let lease = bench.lease(&alice_active()).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Active, "running");
    bench.record(retried(&lease, Duration::ZERO)).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Active, "waiting");
    assert_eq!(state(bench, "spring").await?, RunState::Active);
    Ok(())
}

async fn a_run_without_unresolved_attempts_is_finished_at_once(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let rows = [alice_active(), bob_expired(), carol_active()];
    let run = bench.active_run("spring", rows).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let lease = bench.lease(&carol_active()).await?;
    bench
        .record(dead(&lease, DeadReason::MemberMissing))
        .await?;
    bench.clock.advance(LEASE);
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    let finished = bench.ledger.run("spring").await?;
    assert_eq!(finished.finished_at, Some(NOON.plus(LEASE)));
    bench.clock.advance(LEASE);
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    assert_eq!(bench.ledger.run("spring").await?, finished);
    Ok(())
}

async fn a_run_is_audited_until_no_attempt_is_unresolved(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lost = bench.lease(&alice_active()).await?;
    bench.record(unanswered(&lost, LEASE)).await?;
    bench.clock.advance(QUIET);
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    for _ in 0..2 {
        assert_eq!(bench.ledger.settle(run).await?, RunState::Auditing);
    }
    let looked = Looked {
        attempt: lost.attempt,
        revoked: 1,
        verifiable: true,
    };
    bench.ledger.looked(&[looked], SECOND_LOOK).await?;
    // The second look follows by itself.
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    Ok(())
}

async fn what_nobody_can_verify_does_not_hold_a_run_up(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lost = bench.lease(&alice_active()).await?;
    bench.record(unanswered(&lost, Duration::ZERO)).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench
        .record(dead(&lease, DeadReason::OutcomeUnknown))
        .await?;
    let looked = Looked {
        attempt: lost.attempt,
        revoked: 0,
        verifiable: false,
    };
    bench.ledger.looked(&[looked], SECOND_LOOK).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    assert_eq!(bench.ledger.audit(run).await?.unverifiable, 1);
    Ok(())
}

async fn another_runs_attempts_do_not_hold_a_run_up(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let summer = bench.active_run("summer", [carol_active()]).await?;
    let lost = bench.lease(&alice_active()).await?;
    bench.record(unanswered(&lost, LEASE)).await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(migrated(&lease)).await?;
    assert_eq!(bench.ledger.settle(summer).await?, RunState::Finished);
    assert_eq!(state(bench, "spring").await?, RunState::Active);
    Ok(())
}

async fn a_run_whose_sessions_were_all_handed_over_is_finished(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let newer = alice_active().with_newer_token();
    let summer = bench.active_run("summer", [newer]).await?;
    assert_eq!(bench.ledger.settle(spring).await?, RunState::Finished);
    assert_eq!(bench.ledger.settle(summer).await?, RunState::Active);
    Ok(())
}

async fn the_first_cause_of_a_pause_stands(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    assert_eq!(bench.ledger.run("spring").await?.pause_cause, None);
    for cause in [PauseCause::Credentials, PauseCause::Operator] {
        bench.ledger.pause(run, cause).await?;
        let stands = bench.ledger.run("spring").await?.pause_cause;
        assert_eq!(stands, Some(PauseCause::Credentials));
    }
    let paused = bench.ledger.run("spring").await?;
    assert_eq!(paused.state, RunState::Paused);
    assert_eq!(paused.pause_cause, Some(PauseCause::Credentials));
    bench.ledger.resume(run).await?;
    assert_eq!(bench.ledger.run("spring").await?.pause_cause, None);
    assert_eq!(state(bench, "spring").await?, RunState::Active);
    Ok(())
}

async fn only_an_active_run_is_paused_and_only_a_paused_one_resumed(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    bench.ledger.pause(run, PauseCause::Operator).await?;
    bench.ledger.resume(run).await?;
    assert_eq!(state(bench, "spring").await?, RunState::Registering);
    bench.ledger.end_registering(run).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    bench.ledger.pause(run, PauseCause::Operator).await?;
    bench.ledger.resume(run).await?;
    bench.ledger.end_registering(run).await?;
    assert_eq!(state(bench, "spring").await?, RunState::Finished);
    Ok(())
}

async fn a_paused_run_is_not_settled(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.ledger.pause(run, PauseCause::Operator).await?;
    bench.record(migrated(&lease)).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Paused);
    bench.ledger.resume(run).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    Ok(())
}
