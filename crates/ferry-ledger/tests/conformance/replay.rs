//! Dead sessions get another chance.

use std::time::Duration;

use ferry_core::id::RunId;
use ferry_core::reason::DeadReason;
use ferry_core::replay::Outcomes;
use ferry_core::state::{RunState, SessionState};
use ferry_ledger::LedgerError;
use ferry_ledger::audit_log::{Action, DeedId};
use ferry_ledger::dead::Filter;
use ferry_ledger::replay::{Slice, Sliced};

use crate::bench::{Bench, LEASE, QUIET, SECOND_LOOK};
use crate::clock::noon_plus;
use crate::ends::{dead, migrated, retried, unanswered};
use crate::people::{a_crowd, alice_active, carol_active, dave_in_a_hurry};

on_every_backend![
    a_replayed_session_is_called_again_with_all_its_attempts,
    a_finished_run_is_active_again_and_its_books_balance,
    a_paced_replay_waits_until_each_is_due,
    a_pace_takes_no_more_than_half_of_a_tokens_life,
    twice_is_harmless_and_what_was_carried_is_never_replayed,
    at_once_from_two_processes_each_is_replayed_once,
    a_session_that_dies_again_is_replayed_by_another_deed_only,
    each_replay_is_stamped_and_its_outcome_told,
    a_late_copy_of_the_result_changes_nothing_after_a_replay,
];

impl Bench {
    pub(crate) async fn deed(&self) -> Result<DeedId, LedgerError> {
        self.ledger
            .note_deed("olga@desk", Action::Replay, "all", 0)
            .await
    }

    /// All dead of the run, at once.
    pub(crate) async fn replay(&self, run: RunId, deed: DeedId) -> Result<u64, LedgerError> {
        let Sliced { replayed, .. } = self.ledger.replay(&all(run, deed)).await?;
        Ok(replayed)
    }
}

/// Of the run, all that are dead.
pub(crate) fn all(run: RunId, deed: DeedId) -> Slice<'static> {
    static ALL: std::sync::LazyLock<Filter> = std::sync::LazyLock::new(Filter::default);
    Slice {
        run,
        filter: &ALL,
        deed,
        after: None,
        limit: u32::MAX,
        pace: None,
    }
}

async fn a_replayed_session_is_called_again_with_all_its_attempts(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(retried(&lease, LEASE)).await?;
    bench.clock.advance(LEASE);
    let session = bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let before = bench.row(&alice_active()).await;
    let deed = bench.deed().await?;
    assert_eq!(bench.replay(run, deed).await?, 1);
    let row = bench.row(&alice_active()).await;
    assert_eq!(
        (row.state, &row.reason, &row.error_type),
        (SessionState::Queued, &None, &None)
    );
    assert_eq!((row.attempts_spent, row.fence), (0, before.fence));
    assert_eq!(bench.due_from_head(run).await?, [session]);
    assert_eq!(bench.count(&Filter::default()).await?, 0);
    let lease = bench.lease(&alice_active()).await?;
    assert!(lease.access_token.is_ok());
    assert!(bench.record(migrated(&lease)).await?);
    bench.assert_books_balance().await
}

async fn a_finished_run_is_active_again_and_its_books_balance(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(migrated(&lease)).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    let deed = bench.deed().await?;
    assert_eq!(bench.replay(run, deed).await?, 1);
    let again = bench.ledger.run("spring").await?;
    assert_eq!((again.state, again.finished_at), (RunState::Active, None));
    bench.assert_books_balance().await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Active);
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    assert_eq!(bench.ledger.settle(run).await?, RunState::Finished);
    assert_eq!(bench.ledger.books(run).await?.migrated, 2);
    Ok(())
}

async fn a_paced_replay_waits_until_each_is_due(bench: &mut Bench) -> Result<(), LedgerError> {
    let crowd: Vec<_> = a_crowd(3).collect();
    let run = bench.active_run("spring", crowd.clone()).await?;
    for person in &crowd {
        bench.bury(person, DeadReason::MemberMissing).await?;
    }
    let deed = bench.deed().await?;
    let second = Duration::from_secs(1);
    let paced = Slice {
        pace: Some((bench.now(), second)),
        ..all(run, deed)
    };
    assert_eq!(bench.ledger.replay(&paced).await?.replayed, 3);
    for due in 1..=3 {
        assert_eq!(bench.due_from_head(run).await?.len(), due);
        bench.clock.advance(second);
    }
    bench.assert_books_balance().await
}

async fn a_pace_takes_no_more_than_half_of_a_tokens_life(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [dave_in_a_hurry(), alice_active()])
        .await?;
    bench
        .bury(&dave_in_a_hurry(), DeadReason::MemberMissing)
        .await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let slow = Slice {
        pace: Some((noon_plus(55), Duration::from_hours(1))),
        ..all(run, bench.deed().await?)
    };
    assert_eq!(bench.ledger.replay(&slow).await?.replayed, 2);
    assert_eq!(
        bench.row(&dave_in_a_hurry()).await.waits_until,
        Some(noon_plus(5))
    );
    assert_eq!(
        bench.row(&alice_active()).await.waits_until,
        Some(noon_plus(30))
    );
    Ok(())
}

/// Fault 42.
async fn twice_is_harmless_and_what_was_carried_is_never_replayed(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(migrated(&lease)).await?;
    let carol = bench.row(&carol_active()).await;
    for replayed in [1, 0, 0] {
        let deed = bench.deed().await?;
        assert_eq!(bench.replay(run, deed).await?, replayed);
    }
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let deed = bench.deed().await?;
    assert_eq!(bench.replay(run, deed).await?, 0);
    assert_eq!(bench.row(&carol_active()).await, carol);
    assert_eq!(bench.ledger.books(run).await?.migrated, 2);
    Ok(())
}

/// Fault 42.
async fn at_once_from_two_processes_each_is_replayed_once(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let crowd: Vec<_> = a_crowd(40).collect();
    let run = bench.active_run("spring", crowd.clone()).await?;
    for person in &crowd {
        bench.bury(person, DeadReason::MemberMissing).await?;
    }
    let (one, other) = (bench.deed().await?, bench.deed().await?);
    let slice = move |deed| Slice {
        limit: 8,
        ..all(run, deed)
    };
    let replaying = |deed| {
        let ledger = bench.ledger.clone();
        async move {
            let (mut slice, mut replayed) = (slice(deed), 0);
            loop {
                let done = ledger.replay(&slice).await?;
                replayed += done.replayed;
                if done.last.is_none() {
                    return Ok::<_, LedgerError>(replayed);
                }
                slice.after = done.last;
            }
        }
    };
    let (one, other) = (tokio::spawn(replaying(one)), tokio::spawn(replaying(other)));
    let replayed = one.await.expect("done")? + other.await.expect("done")?;
    assert_eq!(replayed, 40);
    let stamped = bench
        .tables
        .number("SELECT COUNT(*) FROM replays WHERE generation = 1");
    assert_eq!(stamped.await, 40);
    assert_eq!(bench.ledger.books(run).await?.queued, 40);
    Ok(())
}

async fn a_session_that_dies_again_is_replayed_by_another_deed_only(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let deed = bench.deed().await?;
    assert_eq!(bench.replay(run, deed).await?, 1);
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    assert_eq!(bench.replay(run, deed).await?, 0);
    let another = bench.deed().await?;
    assert_eq!(bench.replay(run, another).await?, 1);
    Ok(())
}

async fn each_replay_is_stamped_and_its_outcome_told(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench
        .active_run("spring", [alice_active(), carol_active()])
        .await?;
    let session = bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    bench
        .bury(&carol_active(), DeadReason::MemberMissing)
        .await?;
    bench.clock.advance(LEASE);
    let first = bench.deed().await?;
    bench.replay(run, first).await?;
    let [open] = <[_; 1]>::try_from(bench.ledger.replayed(first).await?).expect("one reason");
    assert_eq!(
        open.outcomes,
        Outcomes {
            open: 2,
            ..Outcomes::default()
        }
    );
    bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(migrated(&lease)).await?;
    let [ended] = <[_; 1]>::try_from(bench.ledger.replayed(first).await?).expect("one reason");
    assert_eq!(ended.reason, "member_missing");
    let outcomes = Outcomes {
        migrated: 1,
        dead: 1,
        ..Outcomes::default()
    };
    assert_eq!((ended.outcomes, ended.dead_alike), (outcomes, 1));
    let second = bench.deed().await?;
    bench.replay(run, second).await?;
    let history = bench.ledger.history(session).await?.expect("she is there");
    let stamps: Vec<_> = history
        .replays
        .iter()
        .map(|r| (r.generation, r.who.as_str()))
        .collect();
    assert_eq!(stamps, [(1, "olga@desk"), (2, "olga@desk")]);
    assert_eq!(history.replays[0].died_at, noon_plus(0));
    assert_eq!(history.replays[0].at, bench.now());
    assert_eq!(
        history.replays[0].error_type.as_deref(),
        Some("member_not_found")
    );
    assert_eq!(
        bench
            .ledger
            .deeds(None, 2)
            .await?
            .iter()
            .map(|d| d.affected)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    Ok(())
}

async fn a_late_copy_of_the_result_changes_nothing_after_a_replay(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench
        .record(dead(&lease, DeadReason::MemberMissing))
        .await?;
    let deed = bench.deed().await?;
    bench.replay(run, deed).await?;
    let row = bench.row(&alice_active()).await;
    // Its caller did not learn that it was recorded.
    assert!(
        bench
            .record(dead(&lease, DeadReason::MemberMissing))
            .await?
    );
    assert_eq!(bench.row(&alice_active()).await, row);
    let again = bench.lease(&alice_active()).await?;
    assert!(
        !bench
            .record(dead(&lease, DeadReason::MemberMissing))
            .await?
    );
    bench.record(unanswered(&again, LEASE)).await?;
    bench.clock.advance(QUIET + SECOND_LOOK);
    assert_eq!(bench.ledger.unresolved_due(10).await?.len(), 1);
    assert_eq!(bench.count(&Filter::default()).await?, 0);
    Ok(())
}
