//! A database whose answers do not come, and one that holds more than is to be carried.

use std::time::{Duration, Instant};

use ferry_sim::{Faults, Population};
use ferry_testbed::proxy::{Direction, Proxy};
use sqlx::PgConnection;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::claims::{ended, slow};
use crate::support::{Fleet, LOOK_EVERY, Outcome};

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
struct Said {
    lines: Lines<BufReader<ChildStderr>>,
    so_far: String,
}

impl Said {
    fn of(worker: &mut Child) -> Self {
        let standard_error = worker.stderr.take().expect("piped");
        Self {
            lines: BufReader::new(standard_error).lines(),
            so_far: String::new(),
        }
    }

    async fn until(&mut self, saying: &str) {
        loop {
            let line = self.lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("{saying:?} is not in: {}", self.so_far));
            self.so_far += &line;
            self.so_far.push('\n');
            if line.contains(saying) {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_33_a_commit_whose_answer_is_lost_makes_no_second_session() {
    const SESSIONS: u64 = 60;
    let fleet = Fleet::new(Population::new(SESSIONS, 60), slow(200)).await;
    fleet.enqueue().await;
    let (proxy, mut command) = fleet.behind_a_proxy();
    // The first commit of a worker is that of its first claim.
    let lost = proxy.cut_after_request_containing(b"COMMIT");
    let mut worker = command.args(["--concurrency", "1"]).spawn().unwrap();
    let mut said = Said::of(&mut worker);
    said.until("sessions not claimed").await;
    lost.await.expect("a commit");
    // With one call at a time, and most of the time in it, that of a result is the next one.
    fleet.crossing.until_minted(5).await;
    let lost = proxy.cut_after_request_containing(b"COMMIT");
    said.until("results not recorded yet").await;
    lost.await.expect("a commit");
    fleet.crossing.simulator.set_faults(Faults::default());
    said.until("worker left").await;
    assert_eq!(ended(worker).await.code, Some(0));
    fleet.assert_all_crossed().await;
    assert_eq!(fleet.minted(), SESSIONS);
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

/// Some sockets of the worker are deaf from now on, and new ones are well. It ends if somebody waits
/// for ever for an answer; who was about to ask gets a new socket.
async fn goes_on_or_ends(fleet: Fleet, proxy: Proxy, worker: Child) {
    proxy.pass().unwrap();
    let outcome = ended(worker).await;
    fleet.crossing.simulator.set_faults(Faults::default());
    if outcome.code == Some(75) {
        outcome.assert_says(75, &["has given no answer"]);
        fleet.work().await;
    } else {
        outcome.assert_says(0, &["worker left"]);
    }
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_34_a_worker_whose_sockets_are_half_open_gets_new_ones_or_ends() {
    let (fleet, proxy, worker) = silenced(62).await;
    // What is swallowed within this time leaves its socket deaf for good.
    tokio::time::sleep(Duration::from_secs(4)).await;
    goes_on_or_ends(fleet, proxy, worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_34_a_worker_that_begins_while_its_database_is_silent_ends() {
    let fleet = Fleet::new(Population::new(1, 66), Faults::default()).await;
    let (proxy, mut command) = fleet.behind_a_proxy();
    proxy.swallow(Direction::Both);
    let outcome = ended(command.spawn().expect("the binary starts")).await;
    outcome.assert_says(75, &["the ledger's database is away"]);
}

/// The others get their answers, so that nothing fails: somebody only waits.
#[tokio::test(flavor = "multi_thread")]
async fn fault_34_a_worker_with_one_socket_that_is_half_open_gets_another_one_or_ends() {
    let fleet = Fleet::new(Population::new(600, 65), slow(50)).await;
    fleet.enqueue().await;
    let (proxy, mut command) = fleet.behind_a_proxy();
    let worker = command.args(["--concurrency", "8"]).spawn();
    let worker = worker.expect("the binary starts");
    fleet.crossing.until_minted(50).await;
    // The answers of a moment are lost, and with them those sockets' later ones: that for results at
    // least, which are recorded all the time.
    proxy.swallow(Direction::ToClient);
    tokio::time::sleep(Duration::from_millis(500)).await;
    goes_on_or_ends(fleet, proxy, worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_34_two_connections_are_enough_for_all_that_a_worker_does() {
    let mut fleet = Fleet::new(Population::realistic(600, 63), Faults::realistic(63)).await;
    fleet.settings.push(("FERRY_LEDGER__CONNECTIONS", "2"));
    fleet.enqueue().await;
    fleet.work().await;
    fleet.assert_all_crossed().await;
}

/// Rows of a paused run, more urgent than all others.
const PAUSED: i64 = 200_000;

/// How many rows of the sessions all finished connections have read.
async fn rows_read(tables: &mut PgConnection) -> i64 {
    // A connection's counts are in when it has ended.
    let others = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'ferry'";
    while sqlx::query_scalar::<_, i64>(others)
        .fetch_one(&mut *tables)
        .await
        .unwrap()
        > 0
    {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let read = sqlx::query_scalar(
        "SELECT t.seq_tup_read::bigint + (SELECT sum(i.idx_tup_read)::bigint
             FROM pg_stat_user_indexes AS i WHERE i.relid = t.relid)
         FROM pg_stat_user_tables AS t WHERE t.relname = 'sessions'",
    );
    read.fetch_one(tables).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_45_rows_of_a_paused_run_are_not_read_on_the_way_to_those_of_an_active_one() {
    let fleet = Fleet::new(Population::new(100, 64), Faults::default()).await;
    // Makes the tables.
    fleet.ledger().await.close().await;
    let mut tables = fleet.tables().await;
    sqlx::raw_sql(
        "INSERT INTO runs (name, source, source_digest, state, pause_cause, rows_read, began_at)
         VALUES ('paused', 'elsewhere', '', 'paused', 'operator', 200000, 0);
         INSERT INTO sessions (id, run_id, legacy_key, source_row, token_expires_at, state, organization)
         SELECT -row, runs.id, decode(md5(row::text), 'hex'), row, ferry_now() + 600000 + row, 'queued', 'o'
         FROM runs, generate_series(1, 200000) AS row",
    )
    .execute(&mut tables)
    .await
    .unwrap();
    fleet.enqueue().await;
    let before = rows_read(&mut tables).await;
    let worker = Outcome::of(fleet.work_command()).await;
    assert_eq!(worker.code, Some(4), "{}", worker.standard_error);
    let read = rows_read(&mut tables).await - before;
    // All that the dispatcher, the claims and the results of a hundred sessions read.
    assert!((100..PAUSED / 10).contains(&read), "{read} rows are read");
    let books = fleet.status().await.books();
    assert_eq!((books.migrated, books.open()), (100, 0), "{books:?}");
}
