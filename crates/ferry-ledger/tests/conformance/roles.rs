//! Roles that one process at a time has, and who is at work.

use std::time::Duration;

use ferry_core::id::WorkerId;
use ferry_ledger::LedgerError;
use ferry_ledger::roles::Role;
use ferry_ledger::workers::WorkerRow;

use crate::bench::Bench;
use crate::clock::NOON;

on_every_backend![
    one_worker_at_a_time_has_a_role,
    roles_are_taken_one_by_one,
    a_role_that_is_kept_is_not_taken,
    a_role_whose_term_is_over_is_taken_and_not_had_back,
    who_leaves_a_role_leaves_it_at_once_and_only_its_own,
    a_worker_is_shown_from_its_first_heartbeat_until_it_is_forgotten,
];

const TERM: Duration = Duration::from_secs(10);
const ONE: WorkerId = WorkerId([1; 16]);
const OTHER: WorkerId = WorkerId([2; 16]);

async fn takes(bench: &Bench, worker: WorkerId) -> Result<bool, LedgerError> {
    bench.ledger.take_role(Role::Dispatcher, worker, TERM).await
}

async fn one_worker_at_a_time_has_a_role(bench: &mut Bench) -> Result<(), LedgerError> {
    assert!(takes(bench, ONE).await?);
    assert!(!takes(bench, OTHER).await?);
    assert!(takes(bench, ONE).await?);
    Ok(())
}

async fn roles_are_taken_one_by_one(bench: &mut Bench) -> Result<(), LedgerError> {
    assert!(takes(bench, ONE).await?);
    assert!(bench.ledger.take_role(Role::Sweeper, OTHER, TERM).await?);
    assert!(!bench.ledger.take_role(Role::Sweeper, ONE, TERM).await?);
    Ok(())
}

async fn a_role_that_is_kept_is_not_taken(bench: &mut Bench) -> Result<(), LedgerError> {
    for _ in 0..5 {
        assert!(takes(bench, ONE).await?);
        bench.clock.advance(TERM / 2);
        assert!(!takes(bench, OTHER).await?);
    }
    Ok(())
}

async fn a_role_whose_term_is_over_is_taken_and_not_had_back(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    assert!(takes(bench, ONE).await?);
    bench.clock.advance(TERM);
    assert!(takes(bench, OTHER).await?);
    assert!(!takes(bench, ONE).await?);
    Ok(())
}

async fn who_leaves_a_role_leaves_it_at_once_and_only_its_own(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    assert!(takes(bench, ONE).await?);
    bench.ledger.leave_role(Role::Dispatcher, OTHER).await?;
    assert!(!takes(bench, OTHER).await?);
    bench.ledger.leave_role(Role::Dispatcher, ONE).await?;
    assert!(takes(bench, OTHER).await?);
    Ok(())
}

async fn a_worker_is_shown_from_its_first_heartbeat_until_it_is_forgotten(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    assert_eq!(bench.ledger.workers().await?, []);
    bench.ledger.heartbeat(ONE, "ant:1", TERM).await?;
    bench.clock.advance(TERM / 2);
    bench.ledger.heartbeat(OTHER, "bee:2", TERM).await?;
    bench.ledger.heartbeat(ONE, "ant:1", TERM).await?;
    let ant = WorkerRow {
        worker: ONE,
        name: "ant:1".to_owned(),
        began_at: NOON,
        alive_until: NOON.plus(TERM / 2).plus(TERM),
    };
    let bee = WorkerRow {
        worker: OTHER,
        name: "bee:2".to_owned(),
        began_at: NOON.plus(TERM / 2),
        alive_until: NOON.plus(TERM / 2).plus(TERM),
    };
    assert_eq!(bench.ledger.workers().await?, [ant, bee.clone()]);
    bench.ledger.forget_workers(&[ONE]).await?;
    assert_eq!(bench.ledger.workers().await?, [bee]);
    Ok(())
}
