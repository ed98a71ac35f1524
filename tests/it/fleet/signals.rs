//! A worker that is told to stop.

use std::sync::Arc;

use ferry_sim::{Faults, Population};
use ferry_testbed::postgres::PrivatePostgres;

use super::faults_but_429;
use crate::support::{Fleet, Kept};

/// Fault 38.
#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_a_worker_finishes_what_is_in_flight_and_leaves_nothing_behind() {
    let faults = Faults {
        latency_ms: 300,
        ..Faults::default()
    };
    let fleet = Arc::new(Fleet::new(Population::new(300, 70), faults).await);
    fleet.enqueue().await;
    let mut worker = Kept::start(&fleet, "worker", &["work", "--concurrency", "32"]);
    worker.until(fleet.crossing.until_calls(40)).await;
    worker.signal("TERM").await;
    // Within its limit of 20 s: after those it says 75.
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    let status = fleet.status().await;
    let books = status.books();
    assert!(books.queued > 0, "told too late: {books:?}");
    assert_eq!(books.running, 0, "{books:?}");
    assert_eq!(status.audit("unresolved"), 0);
    let minted = || fleet.crossing.simulator.audit().sessions.minted;
    assert_eq!(books.migrated, minted());
    fleet.work().await;
    fleet.assert_all_crossed().await;
    assert_eq!(minted(), 300, "nothing was called twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_twice_a_worker_stops_at_once_and_another_carries_what_it_held() {
    // Long enough for the second signal to come while it finishes what is in flight.
    let slow = Faults {
        latency_ms: 2_000,
        ..Faults::default()
    };
    let patient = [
        ("FERRY_STYTCH__CALL_TIMEOUT", "3s"),
        ("FERRY_WORKER__LEASE", "6s"),
        ("FERRY_WORKER__QUIET", "3s"),
    ];
    let fleet = Arc::new(Fleet::new(Population::new(200, 71), slow).await);
    fleet.enqueue().await;
    let work = ["work", "--concurrency", "32"];
    let mut worker = Kept::start_with(&fleet, "worker", &work, &patient);
    worker.until(fleet.crossing.until_calls(20)).await;
    worker.signal("TERM").await;
    worker.until_logged("stopping").await;
    worker.signal("TERM").await;
    assert_eq!(worker.wait().await, Some(130), "{}", worker.log());
    assert!(fleet.status().await.books().running > 0);
    fleet.crossing.simulator.set_faults(Faults::default());
    fleet.work().await;
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_while_the_ledger_does_not_answer_a_worker_gives_up_in_time() {
    let postgres = PrivatePostgres::start("").unwrap_or_else(|error| panic!("{error}"));
    let mut fleet = Fleet::new(Population::realistic(600, 72), faults_but_429(72)).await;
    fleet.ledger_url = postgres.url();
    fleet.enqueue().await;
    let fleet = Arc::new(fleet);
    let mut worker = Kept::start(&fleet, "worker", &["work", "--rate", "100"]);
    worker.until(fleet.crossing.until_minted(100)).await;
    postgres.freeze().unwrap();
    worker.signal("TERM").await;
    assert_eq!(worker.wait().await, Some(75), "{}", worker.log());
    postgres.thaw().unwrap();
    fleet.work().await;
    fleet.assert_all_crossed().await;
}
