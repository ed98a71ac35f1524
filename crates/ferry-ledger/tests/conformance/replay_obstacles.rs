//! What is not replayed, and why.

use std::time::Duration;

use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, PauseCause};
use ferry_core::replay::Obstacle;
use ferry_core::state::RunState;
use ferry_ledger::LedgerError;
use ferry_ledger::dead::Filter;
use ferry_ledger::replay::Sliced;

use crate::bench::{Bench, QUIET};
use crate::people::{alice_active, carol_active, dave_in_a_hurry};
use crate::replay::all;

on_every_backend![
    what_cannot_mend_is_left_with_the_reason,
    nothing_of_a_run_that_was_given_up_or_paused_is_replayed,
    of_a_run_without_dead_nothing_is_replayed,
];

async fn what_cannot_mend_is_left_with_the_reason(bench: &mut Bench) -> Result<(), LedgerError> {
    let people = [alice_active(), carol_active(), dave_in_a_hurry()];
    let run = bench.active_run("spring", people).await?;
    bench
        .bury(&alice_active(), DeadReason::TokenRefused)
        .await?;
    bench
        .bury(&dave_in_a_hurry(), DeadReason::MemberMissing)
        .await?;
    let carol = bench
        .bury(&carol_active(), DeadReason::MemberMissing)
        .await?;
    let wipe = format!("DELETE FROM session_secrets WHERE session_id = {carol}");
    assert_eq!(bench.tables.change(wipe).await, 1);
    bench.clock.advance(Duration::from_mins(10));
    let prospects = bench.ledger.prospects(&Filter::default()).await?;
    let told: Vec<_> = prospects
        .iter()
        .map(|p| (p.reason.as_str(), p.obstacle, p.count))
        .collect();
    assert_eq!(
        told,
        [
            ("member_missing", Some(Obstacle::TokenExpired), 1),
            ("member_missing", Some(Obstacle::TokenWiped), 1),
            ("token_refused", Some(Obstacle::CannotMend), 1),
        ]
    );
    let deed = bench.deed().await?;
    assert_eq!(bench.replay(run, deed).await?, 0);
    assert_eq!(bench.count(&Filter::default()).await?, 3);
    Ok(())
}

async fn nothing_of_a_run_that_was_given_up_or_paused_is_replayed(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    bench.ledger.pause(run, PauseCause::Operator).await?;
    let deed = bench.deed().await?;
    assert_eq!(bench.replay(run, deed).await?, 0);
    let obstacle = async || {
        Ok::<_, LedgerError>(bench.ledger.prospects(&Filter::default()).await?[0].obstacle)
    };
    assert_eq!(obstacle().await?, Some(Obstacle::RunPaused));
    bench.ledger.resume(run).await?;
    assert_eq!(obstacle().await?, None);
    bench.ledger.cancel(run, QUIET).await?;
    assert_eq!(obstacle().await?, Some(Obstacle::RunCancelled));
    assert_eq!(bench.replay(run, deed).await?, 0);
    assert_eq!(bench.ledger.run("spring").await?.state, RunState::Cancelled);
    Ok(())
}

async fn of_a_run_without_dead_nothing_is_replayed(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let before = bench.row(&alice_active()).await;
    let other = all(RunId(run.0 + 1_000), bench.deed().await?);
    assert_eq!(
        bench.ledger.replay(&other).await?,
        Sliced {
            last: None,
            replayed: 0
        }
    );
    assert_eq!(bench.row(&alice_active()).await, before);
    Ok(())
}
