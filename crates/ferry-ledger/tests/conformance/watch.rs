//! One cause in many people's sessions pauses their run.

use ferry_core::burst::{Burst, BurstConfig, Finished};
use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, PauseCause};
use ferry_core::state::RunState;
use ferry_ledger::{Ledger, LedgerError};
use tokio::task::JoinSet;

use crate::backends::keys;
use crate::bench::Bench;
use crate::people::{alice_active, carol_active};

on_every_backend![
    a_burst_pauses_its_run_once,
    attempts_of_several_processes_count_together,
    a_resumed_run_begins_with_a_new_watch,
    who_resumes_an_active_run_changes_nothing,
    the_operators_pause_stands,
    runs_are_watched_apart,
    a_page_in_the_way_pauses_as_a_wrong_endpoint,
    a_watch_of_another_version_begins_anew,
];

/// So many people whose member is missing.
fn missing(people: impl IntoIterator<Item = u32>) -> Vec<(Finished, u32)> {
    let missing = Finished::Failed(DeadReason::MemberMissing);
    people.into_iter().map(|person| (missing, person)).collect()
}

async fn watch(
    ledger: &Ledger,
    run: RunId,
    finished: &[(Finished, u32)],
) -> Result<Option<Burst>, LedgerError> {
    ledger
        .watch_attempts(run, finished, BurstConfig::default())
        .await
}

async fn stands(bench: &Bench) -> Result<(RunState, Option<PauseCause>), LedgerError> {
    let run = bench.ledger.run("spring").await?;
    Ok((run.state, run.pause_cause))
}

const PAUSED: (RunState, Option<PauseCause>) = (RunState::Paused, Some(PauseCause::FailureBurst));
const ACTIVE: (RunState, Option<PauseCause>) = (RunState::Active, None);

async fn a_burst_pauses_its_run_once(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    assert_eq!(watch(&bench.ledger, run, &[]).await?, None);
    assert_eq!(watch(&bench.ledger, run, &missing(0..99)).await?, None);
    assert_eq!(stands(bench).await?, ACTIVE);
    let burst = watch(&bench.ledger, run, &missing(99..150)).await?;
    let expected = Burst::OneReason {
        reason: DeadReason::MemberMissing,
        failed: 100,
        finished: 100,
        subjects: 100,
    };
    assert_eq!(burst, Some(expected));
    assert_eq!(stands(bench).await?, PAUSED);
    // What was under way ends after it.
    assert_eq!(watch(&bench.ledger, run, &missing(150..300)).await?, None);
    Ok(())
}

async fn attempts_of_several_processes_count_together(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let mut processes = JoinSet::new();
    for process in 0..5 {
        let ledger = bench.database.open(keys(), bench.clock.clone()).await?;
        processes.spawn(async move {
            let mut bursts = 0;
            for person in 0..25 {
                let finished = missing([process * 100 + person]);
                bursts += usize::from(watch(&ledger, run, &finished).await?.is_some());
            }
            Ok::<_, LedgerError>(bursts)
        });
    }
    let mut bursts = 0;
    for process in processes.join_all().await {
        bursts += process?;
    }
    assert_eq!(bursts, 1);
    assert_eq!(stands(bench).await?, PAUSED);
    Ok(())
}

async fn a_resumed_run_begins_with_a_new_watch(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    for _ in 0..2 {
        assert_eq!(watch(&bench.ledger, run, &missing(0..99)).await?, None);
        assert!(watch(&bench.ledger, run, &missing([99])).await?.is_some());
        bench.ledger.resume(run).await?;
        assert_eq!(stands(bench).await?, ACTIVE);
    }
    Ok(())
}

async fn who_resumes_an_active_run_changes_nothing(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    watch(&bench.ledger, run, &missing(0..99)).await?;
    bench.ledger.resume(run).await?;
    assert!(watch(&bench.ledger, run, &missing([99])).await?.is_some());
    Ok(())
}

async fn the_operators_pause_stands(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    bench.ledger.pause(run, PauseCause::Operator).await?;
    assert_eq!(watch(&bench.ledger, run, &missing(0..100)).await?, None);
    let expected = (RunState::Paused, Some(PauseCause::Operator));
    assert_eq!(stands(bench).await?, expected);
    Ok(())
}

async fn runs_are_watched_apart(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let summer = bench.active_run("summer", [carol_active()]).await?;
    assert_eq!(watch(&bench.ledger, spring, &missing(0..60)).await?, None);
    assert_eq!(watch(&bench.ledger, summer, &missing(60..120)).await?, None);
    let burst = watch(&bench.ledger, summer, &missing(120..160)).await?;
    assert!(burst.is_some());
    assert_eq!(stands(bench).await?, ACTIVE);
    Ok(())
}

async fn a_page_in_the_way_pauses_as_a_wrong_endpoint(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let page = [(Finished::Unreadable, 1); 5];
    assert_eq!(watch(&bench.ledger, run, &page).await?, None);
    let burst = watch(&bench.ledger, run, &page).await?;
    assert_eq!(burst, Some(Burst::Unreadable { replies: 10 }));
    let expected = (RunState::Paused, Some(PauseCause::WrongEndpoint));
    assert_eq!(stands(bench).await?, expected);
    Ok(())
}

async fn a_watch_of_another_version_begins_anew(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    watch(&bench.ledger, run, &missing(0..99)).await?;
    let change = "UPDATE burst_watches SET watch = '[]'";
    assert_eq!(bench.tables.change(change.to_owned()).await, 1);
    assert_eq!(watch(&bench.ledger, run, &missing(100..199)).await?, None);
    assert!(watch(&bench.ledger, run, &missing([199])).await?.is_some());
    Ok(())
}
