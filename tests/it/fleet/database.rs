//! A database whose answers do not come, and one that holds more than is to be carried.

use std::time::{Duration, Instant};

use ferry_sim::{Faults, Population};
use ferry_testbed::proxy::{Direction, Proxy};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::{ended, slow};
use crate::support::Fleet;

impl Fleet {
    /// A proxy before the ledger's database, and a worker behind it.
    fn behind_a_proxy(&self) -> (Proxy, Command) {
        let proxy = Proxy::before(&self.ledger_url).unwrap();
        let mut command = self.work_command();
        command.env("FERRY_LEDGER__URL", proxy.url(&self.ledger_url).unwrap());
        (proxy, command)
    }
}

/// What a process says while it runs.
struct Said(Lines<BufReader<ChildStderr>>);

impl Said {
    fn of(worker: &mut Child) -> Self {
        let standard_error = worker.stderr.take().expect("piped");
        Self(BufReader::new(standard_error).lines())
    }

    /// Everything, to the end.
    async fn all(mut self) -> String {
        let mut all = String::new();
        while let Some(line) = self.0.next_line().await.unwrap() {
            all += &line;
            all.push('\n');
        }
        all
    }
}

/// What a worker says of a claim, and of results, whose commit was not answered.
const UNANSWERED: [&str; 2] = ["sessions not claimed", "results not recorded yet"];

#[tokio::test(flavor = "multi_thread")]
async fn fault_33_a_commit_whose_answer_is_lost_makes_no_second_session() {
    const SESSIONS: u64 = 3000;
    let fleet = Fleet::new(Population::new(SESSIONS, 60), slow(50)).await;
    fleet.enqueue().await;
    let (proxy, mut command) = fleet.behind_a_proxy();
    command.args(["--concurrency", "16"]);
    let mut worker = command.spawn().expect("the binary starts");
    let mut said = Said::of(&mut worker).0;
    fleet.crossing.until_minted(1).await;
    // Claims and results commit in turn, so that some answers of both are lost.
    let mut lost = [false; 2];
    let mut log = String::new();
    while lost != [true; 2] {
        let happens = proxy.cut_after_request_containing(b"COMMIT");
        happens.await.expect("a commit");
        let line = loop {
            let line = said.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended before: {log}"));
            log += &line;
            log.push('\n');
            // Whose commit it was, or that of another one, who tries again.
            if line.contains("WARN") {
                break line;
            }
        };
        for (lost, saying) in lost.iter_mut().zip(UNANSWERED) {
            *lost |= line.contains(saying);
        }
    }
    fleet.crossing.simulator.set_faults(Faults::default());
    log += &Said(said).all().await;
    assert_eq!(ended(worker).await.code, Some(0), "{log}");
    fleet.assert_all_crossed().await;
    assert_eq!(fleet.crossing.simulator.audit().sessions.minted, SESSIONS);
}

/// The promise is that a worker which does not hear from its database has ended by then.
const ENDS_WITHIN: Duration = Duration::from_mins(1);

/// A worker with two connections, that has carried some sessions when its database falls silent: its
/// sockets stay open, and nothing comes through any more.
async fn silenced(seed: u64) -> (Fleet, Proxy, Child) {
    let mut fleet = Fleet::new(Population::new(1000, seed), slow(50)).await;
    fleet.settings.push(("FERRY_LEDGER__CONNECTIONS", "2"));
    fleet.enqueue().await;
    let (proxy, mut command) = fleet.behind_a_proxy();
    let worker = command.args(["--concurrency", "8"]).spawn();
    let worker = worker.expect("the binary starts");
    fleet.crossing.until_minted(50).await;
    proxy.swallow(Direction::Both);
    (fleet, proxy, worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_34_a_worker_whose_database_falls_silent_ends_and_the_next_one_goes_on() {
    let (fleet, _proxy, worker) = silenced(61).await;
    let since = Instant::now();
    let outcome = ended(worker).await;
    assert!(since.elapsed() < ENDS_WITHIN, "{}", outcome.standard_error);
    outcome.assert_says(75, &["has given no answer"]);
    // Those claimed before: nothing was called unclaimed.
    let in_flight = 8 + 8;
    assert!(fleet.crossing.simulator.audit().sessions.minted <= 50 + in_flight);
    fleet.crossing.simulator.set_faults(Faults::default());
    fleet.work().await;
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_34_a_worker_whose_sockets_are_half_open_gets_new_ones_or_ends() {
    let (fleet, proxy, worker) = silenced(62).await;
    // What is swallowed within this time leaves its socket deaf for good.
    tokio::time::sleep(Duration::from_secs(4)).await;
    proxy.pass().unwrap();
    let since = Instant::now();
    let outcome = ended(worker).await;
    if outcome.code == Some(75) {
        assert!(since.elapsed() < ENDS_WITHIN, "{}", outcome.standard_error);
        fleet.work().await;
    } else {
        outcome.assert_says(0, &["worker left"]);
    }
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_34_two_connections_are_enough_for_all_that_a_worker_does() {
    let mut fleet = Fleet::new(Population::realistic(600, 63), Faults::realistic(63)).await;
    fleet.settings.push(("FERRY_LEDGER__CONNECTIONS", "2"));
    fleet.enqueue().await;
    fleet.work().await;
    fleet.assert_all_crossed().await;
}
