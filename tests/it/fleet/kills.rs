//! Killed at random moments: processes, broker, database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ferry_core::id::SessionId;
use ferry_ledger::Ledger;
use ferry_sim::{Faults, Population};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::faults_but_429;
use crate::support::{Fleet, Kept, LOOK_EVERY, Outcome, Servers};

/// With this one no revoked session is of somebody whom Stytch does not know: what a call for such a
/// one may have minted nobody can look up, and Ferry would say so.
const SEED: u64 = 53;

#[derive(Debug, Clone, Copy)]
enum Victim {
    Producer,
    Worker(usize),
    Broker,
    Database,
}

/// Each as often as told, in a random order.
fn victims(rng: &mut StdRng) -> Vec<Victim> {
    use Victim::{Broker, Database, Producer, Worker};
    let often = [
        (Producer, 4),
        (Worker(0), 4),
        (Worker(1), 4),
        (Worker(2), 4),
        (Broker, 3),
        (Database, 5),
    ];
    let mut victims: Vec<_> = often
        .iter()
        .flat_map(|(victim, times)| vec![*victim; *times])
        .collect();
    victims.shuffle(rng);
    // While the export is being taken in, too.
    victims.insert(0, Producer);
    victims
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_a_fleet_loses_nothing_and_leaves_no_twin_alive() {
    let mut servers = Servers::start();
    let population = Population::realistic(10_000, SEED);
    let fleet = Fleet::on_private(population, faults_but_429(SEED), &servers).await;
    let fleet = Arc::new(fleet);
    let mut rng = StdRng::seed_from_u64(SEED);
    let stop = CancellationToken::new();
    let looking = tokio::spawn(look_at_the_books(Arc::clone(&fleet), stop.clone()));

    let enqueue = ["enqueue", "sessions.csv", "--run", "test"];
    let mut producer = Kept::start(&fleet, "producer", &enqueue);
    // Slow enough that something is left to the last kill.
    let work = ["work", "--rate", "120"];
    let mut workers = ["one", "two", "three"].map(|name| Kept::start(&fleet, name, &work));
    for victim in victims(&mut rng) {
        tokio::time::sleep(Duration::from_millis(rng.random_range(20..1500))).await;
        match victim {
            Victim::Producer => producer.kill().await,
            Victim::Worker(number) => workers[number].kill().await,
            Victim::Broker => {
                servers.broker.kill().unwrap();
                servers.broker.start_again().unwrap();
            }
            Victim::Database => {
                servers.postgres.kill().unwrap();
                servers.postgres.start_again().unwrap();
            }
        }
        producer.look();
        for worker in &mut workers {
            worker.look();
        }
    }
    assert!(fleet.status().await.books().open() > 0, "killed in vain");
    for worker in workers {
        worker.end().await;
    }
    producer.end().await;
    stop.cancel();
    assert!(looking.await.expect("the books balance") > 0);

    fleet.enqueue().await;
    fleet.work().await;
    fleet.assert_all_crossed().await;
}

/// Looks until told to stop; how often there was an answer. Each one balances, and what was carried
/// stays carried.
async fn look_at_the_books(fleet: Arc<Fleet>, stop: CancellationToken) -> u32 {
    let (mut answers, mut migrated) = (0, 0);
    while !stop.is_cancelled() {
        let outcome = Outcome::of(fleet.command(&["status", "test", "--json"])).await;
        match outcome.code {
            Some(0) => {
                let books = outcome.books();
                assert!(books.balance(), "{books:?}");
                assert!(books.migrated >= migrated, "{books:?}");
                migrated = books.migrated;
                answers += 1;
            }
            // There is no such run yet.
            Some(2) if answers == 0 => {}
            _ => outcome.assert_says(75, &[]),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    answers
}

/// Fault 32.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_keeps_what_it_acknowledged_and_work_goes_on() {
    let mut servers = Servers::start();
    let population = Population::realistic(4_000, 51);
    let fleet = Fleet::on_private(population, faults_but_429(51), &servers).await;
    fleet.enqueue().await;
    let fleet = Arc::new(fleet);
    let work = ["work", "--rate", "200"];
    let mut workers = ["one", "two"].map(|name| Kept::start(&fleet, name, &work));
    let ledger = fleet.ledger().await;
    let mut minted = 0;
    for _ in 0..6 {
        // It goes on by itself.
        minted = fleet.crossing.simulator.audit().sessions.minted.max(minted) + 100;
        fleet.crossing.until_minted(minted).await;
        let acknowledged = mapped(&ledger).await;
        servers.postgres.kill().unwrap();
        servers.postgres.start_again().unwrap();
        let kept = mapped(&ledger).await;
        assert!(
            acknowledged
                .iter()
                .all(|(session, minted)| kept.get(session) == Some(minted))
        );
        for worker in &mut workers {
            worker.look();
        }
    }
    ledger.close().await;
    for worker in &mut workers {
        assert_eq!(worker.gave_up, 0, "{}", worker.log());
        worker.signal("TERM").await;
        assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    }
    fleet.work().await;
    fleet.assert_all_crossed().await;
}

/// What is mapped to what, as soon as the ledger answers.
async fn mapped(ledger: &Ledger) -> HashMap<SessionId, String> {
    loop {
        if let Ok(mappings) = ledger.mappings(None, u32::MAX).await {
            let pairs = mappings.into_iter();
            return pairs
                .map(|mapping| (mapping.session, mapping.member_session_id))
                .collect();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_held_that_is_gone_without_a_word_is_carried_by_another() {
    // Long enough for all to be claimed before the first reply.
    let slow = Faults {
        latency_ms: 500,
        ..Faults::default()
    };
    let fleet = Arc::new(Fleet::new(Population::new(60, 52), slow).await);
    let ledger = fleet.ledger().await;
    let mut other = Kept::start(&fleet, "other", &["work", "--concurrency", "1"]);
    other.until(until_at_work(&ledger, 1)).await;
    // It stops dead at the first reply: what Stytch minted for it is known to nobody.
    let stuck = [("FAILPOINTS", "after-call=pause")];
    let mut gone = Kept::start_with(&fleet, "gone", &["work"], &stuck);
    gone.until(until_at_work(&ledger, 2)).await;
    fleet.enqueue().await;
    while fleet.books(&ledger).await.running < 40 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    gone.end().await;
    fleet.crossing.simulator.set_faults(Faults::default());
    let carried = async {
        while fleet.books(&ledger).await.open() > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    other.until(carried).await;
    ledger.close().await;
    other.end().await;
    fleet.work().await;
    fleet.assert_all_crossed().await;
}

/// Fault 24. Meanwhile another worker has carried all that it held, what it minted was looked up,
/// and the run was finished.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_paused_for_long_records_nothing_and_leaves_nothing_to_look_up() {
    let fleet = Arc::new(Fleet::new(Population::new(20, 53), Faults::default()).await);
    fleet.enqueue().await;
    // Long enough to be paused between a reply and its record.
    let slow = [("FAILPOINTS", "before-record=1*sleep(2000)->off")];
    let mut paused = Kept::start_with(&fleet, "paused", &["work", "--until-empty"], &slow);
    paused.until(fleet.crossing.until_minted(20)).await;
    paused.signal("STOP").await;
    fleet.work().await;
    assert_eq!(fleet.status().await.report()["state"], "finished");
    paused.signal("CONT").await;
    assert_eq!(paused.wait().await, Some(0), "{}", paused.log());
    assert!(
        paused.log().contains("result came too late"),
        "{}",
        paused.log()
    );
    fleet.assert_all_crossed().await;
}

async fn until_at_work(ledger: &Ledger, workers: usize) {
    while ledger.workers().await.expect("workers").len() < workers {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Fault 01.
#[tokio::test(flavor = "multi_thread")]
async fn fault_01_a_producer_that_is_killed_50_times_goes_on_where_it_was() {
    let fleet = Fleet::new(Population::realistic(20_000, 90), Faults::default()).await;
    let mut rng = StdRng::seed_from_u64(90);
    for _ in 0..50 {
        let mut producer = fleet.enqueue_command().spawn().expect("the binary starts");
        let moment = Duration::from_millis(rng.random_range(20..400));
        // Once all is registered it may be through before.
        if tokio::time::timeout(moment, producer.wait()).await.is_err() {
            producer.kill().await.expect("it is ours to kill");
        }
    }
    let books = fleet.enqueue().await.books();
    let summary = &fleet.crossing.summary;
    assert!(books.balance(), "{books:?}");
    assert_eq!(books.exported, summary.rows, "{books:?}");
    assert_eq!(books.rejected, summary.malformed(), "{books:?}");
    assert_eq!(books.duplicates, summary.duplicates, "{books:?}");
    assert_eq!(
        books.open(),
        summary.rows - books.rejected - books.duplicates - summary.expired
    );
}
