//! Runs are cancelled, paused and resumed beside workers in the middle of them.

use std::collections::HashMap;
use std::fs;

use ferry_core::books::Books;
use ferry_core::id::RunId;
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_sim::{Faults, Population};
use tokio::process::Child;

use super::claims::{ended, slow};
use crate::support::{Audit, Fleet, LOOK_EVERY, Outcome, signal};

const SESSIONS: u64 = 300;

impl Fleet {
    /// A run of slow calls, half-way, and its two workers.
    async fn under_way(seed: u64) -> (Self, [Child; 2]) {
        let fleet = Self::new(Population::new(SESSIONS, seed), slow(300)).await;
        fleet.enqueue().await;
        let start = || {
            let worker = fleet.command(&["work", "--concurrency", "8"]).spawn();
            worker.expect("the binary starts")
        };
        let workers = [start(), start()];
        fleet.crossing.until_minted(40).await;
        (fleet, workers)
    }

    async fn tells(&self, arguments: &[&str], saying: &str) {
        let outcome = Outcome::of(self.command(arguments)).await;
        outcome.assert_says(0, &[]);
        let said = &outcome.standard_output;
        assert!(said.contains(saying), "{saying:?} is not in: {said}");
    }

    /// The most sessions that were minted for one legacy session.
    fn most_minted(&self) -> u64 {
        let mut minted: HashMap<_, u64> = HashMap::new();
        for session in self.crossing.simulator.sessions() {
            *minted.entry(session.legacy_session_id).or_default() += 1;
        }
        minted.into_values().max().unwrap_or_default()
    }
}

async fn books(ledger: &Ledger, run: RunId) -> Books {
    ledger.books(run).await.expect("books")
}

async fn stop(workers: [Child; 2]) {
    for worker in &workers {
        signal(worker, "TERM").await;
    }
    for worker in workers {
        ended(worker).await.assert_says(0, &["worker left"]);
    }
}

/// Cancels a run while calls of it are under way, has these workers or others sweep, and looks at
/// what is left.
async fn cancelled(seed: u64, workers_go_on: bool) {
    let (fleet, workers) = Fleet::under_way(seed).await;
    fleet
        .tells(&["cancel", "test", "--yes"], "sessions are skipped")
        .await;
    let ledger = fleet.ledger().await;
    let run = ledger.run("test").await.unwrap();
    assert_eq!(run.state, RunState::Cancelled);
    if workers_go_on {
        while ledger.audit(run.id).await.unwrap().unresolved > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        stop(workers).await;
    } else {
        stop(workers).await;
        while ledger.audit(run.id).await.unwrap().unresolved > 0 {
            fleet.tells(&["sweep"], "attempts looked up").await;
        }
    }
    let books = books(&ledger, run.id).await;
    let audit = Audit::take(&fleet.crossing.simulator, &ledger).await;
    ledger.close().await;
    assert!(books.balance() && books.open() == 0, "{books:?}");
    assert_eq!(books.migrated + books.skipped, SESSIONS, "{books:?}");
    assert_eq!(audit.mapped, books.migrated);
    assert!(audit.minted > audit.mapped, "calls were under way");
    assert_eq!(fleet.most_minted(), 1, "nothing is called again");
    assert_eq!(audit.extra_alive, 0, "what they minted is swept");
    assert_eq!(audit.mapped_not_alive, 0, "what was carried stays");
    assert_eq!(
        fleet.status().await.failures("cancelled"),
        books.skipped,
        "{books:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_43_what_calls_mint_while_their_run_is_cancelled_is_swept_by_the_workers() {
    cancelled(70, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_43_what_calls_mint_while_their_run_is_cancelled_is_swept_when_workers_are_gone() {
    cancelled(71, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_43_two_workers_obey_a_pause_and_go_on_after_the_resume() {
    let (fleet, workers) = Fleet::under_way(72).await;
    fleet.tells(&["pause", "test"], "is paused").await;
    let ledger = fleet.ledger().await;
    let run = ledger.run("test").await.unwrap().id;
    while books(&ledger, run).await.running > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let paused = books(&ledger, run).await;
    assert!(paused.open() > 0, "{paused:?}");
    let minted = fleet.minted();
    assert_eq!(minted, paused.migrated, "what was in flight is recorded");
    // Whatever is told to them now, they do not call.
    let queue = fleet.queue().await;
    queue.publish(&fleet.due().await).await.unwrap();
    while queue.depth().await.unwrap() > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    queue.close().await;
    assert_eq!(books(&ledger, run).await, paused);
    assert_eq!(fleet.minted(), minted);

    fleet.crossing.simulator.set_faults(Faults::default());
    fleet.tells(&["resume", "test"], "the workers go on").await;
    while ledger.run("test").await.unwrap().state != RunState::Finished {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    ledger.close().await;
    stop(workers).await;
    fleet.assert_all_crossed().await;
    assert_eq!(fleet.minted(), SESSIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_43_of_two_runs_at_once_one_is_paused_and_the_other_one_is_finished() {
    let fleet = Fleet::new(Population::new(SESSIONS, 73), slow(50)).await;
    let export = fs::read_to_string(fleet.crossing.export()).unwrap();
    let mut rows = export.lines();
    let header = rows.next().unwrap();
    let rows: Vec<_> = rows.collect();
    let (first, second) = rows.split_at(rows.len() / 3);
    for (run, rows) in [("first", first), ("second", second)] {
        let file = format!("{run}.csv");
        let text = format!("{header}\n{}\n", rows.join("\n"));
        fs::write(fleet.crossing.folder.path().join(&file), text).unwrap();
        let enqueue = fleet.command(&["enqueue", &file, "--run", run, "--json"]);
        Outcome::of(enqueue).await.assert_says(0, &[]);
    }
    let worker = fleet.narrow(4).spawn().expect("the binary starts");
    fleet.crossing.until_minted(10).await;
    fleet.tells(&["pause", "first"], "is paused").await;
    // Nothing else is left, and something is paused.
    assert_eq!(ended(worker).await.code, Some(4));
    let ledger = fleet.ledger().await;
    let (first_run, second_run) = (
        ledger.run("first").await.unwrap(),
        ledger.run("second").await.unwrap(),
    );
    assert_eq!(first_run.state, RunState::Paused);
    assert_eq!(second_run.state, RunState::Finished);
    let paused = books(&ledger, first_run.id).await;
    assert!(paused.balance() && paused.open() > 0, "{paused:?}");
    let finished = books(&ledger, second_run.id).await;
    assert!(finished.balance(), "{finished:?}");
    assert_eq!(finished.migrated, second.len() as u64, "{finished:?}");

    fleet.tells(&["resume", "first"], "is active again").await;
    fleet.work().await;
    assert_eq!(
        books(&ledger, first_run.id).await.migrated,
        first.len() as u64
    );
    assert_eq!(books(&ledger, second_run.id).await, finished);
    let audit = Audit::take(&fleet.crossing.simulator, &ledger).await;
    ledger.close().await;
    assert_eq!((audit.mapped, audit.minted), (SESSIONS, SESSIONS));
    assert_eq!((audit.extra_alive, audit.mapped_not_alive), (0, 0));
}
