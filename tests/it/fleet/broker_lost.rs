//! A broker that is killed, and one that comes back without its data.

use std::sync::Arc;

use ferry_core::state::RunState;
use ferry_sim::{Faults, Population};
use ferry_testbed::rabbitmq::PrivateBroker;

use super::faults_but_429;
use crate::support::{Fleet, Kept, LOOK_EVERY};

fn broker() -> PrivateBroker {
    PrivateBroker::start("", "").unwrap_or_else(|error| panic!("{error}"))
}

/// Fault 07, and fault 08.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_loses_nothing_and_work_goes_on() {
    let mut broker = broker();
    let population = Population::realistic(5_000, 62);
    let fleet = Fleet::with_broker(population, faults_but_429(62), broker.url()).await;
    let ledger = fleet.ledger().await;

    // While one publishes.
    let producer = fleet.enqueue_command().spawn().expect("the binary starts");
    let is_active = async || {
        let run = ledger.run("test").await;
        run.is_ok_and(|run| run.state == RunState::Active)
    };
    while !is_active().await {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    broker.kill().unwrap();
    broker.start_again().unwrap();
    let ended = producer.wait_with_output().await.expect("it ends");
    assert!(matches!(ended.status.code(), Some(0 | 75)), "{ended:?}");
    ledger.close().await;
    fleet.enqueue().await;

    // While workers take.
    let fleet = Arc::new(fleet);
    let work = ["work", "--rate", "200"];
    let mut workers = ["one", "two"].map(|name| Kept::start(&fleet, name, &work));
    for _ in 0..2 {
        let minted = fleet.crossing.simulator.audit().sessions.minted;
        // More than the two have in hand.
        fleet.crossing.until_minted(minted + 400).await;
        broker.kill().unwrap();
        broker.start_again().unwrap();
    }
    let minted = fleet.crossing.simulator.audit().sessions.minted;
    fleet.crossing.until_minted(minted + 400).await;
    for worker in &mut workers {
        worker.signal("TERM").await;
        assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    }
    fleet.work().await;
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_back_empty_is_filled_again_without_an_operator() {
    let mut broker = broker();
    let population = Population::realistic(3_000, 61);
    let fleet = Fleet::with_broker(population, faults_but_429(61), broker.url()).await;
    fleet.enqueue().await;
    let fleet = Arc::new(fleet);
    let work = ["work", "--until-empty", "--rate", "400"];
    let mut workers = ["one", "two"].map(|name| Kept::start(&fleet, name, &work));
    fleet.crossing.until_minted(500).await;
    broker.kill().unwrap();
    broker.delete_data().unwrap();
    broker.start_again().unwrap();
    for worker in &mut workers {
        assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    }
    fleet.assert_all_crossed().await;
}

impl Fleet {
    /// On the shared database, and a broker of the test's own.
    async fn with_broker(population: Population, faults: Faults, queue_url: String) -> Self {
        let mut fleet = Self::new(population, faults).await;
        fleet.queue_url = queue_url;
        fleet
    }
}
