//! Killed at random moments, and at each step between claim and acknowledgement.

use std::time::Duration;

use ferry_sim::{Faults, Population};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::{Crossing, kill, signal};

/// The promise is for at least 20 kills in a run.
const KILLS: u32 = 25;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_a_run_loses_nothing_and_leaves_no_twin_alive() {
    const SEED: u64 = 20;
    let crossing = Crossing::new(Population::realistic(2000, SEED), Faults::realistic(SEED)).await;
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut kills = 0;
    while kills < KILLS {
        // Slow enough that the run cannot end before its last kill.
        let mut command = crossing.command(&[
            "run",
            "sessions.csv",
            "--run",
            "test",
            "--rate",
            "150",
            "--json",
        ]);
        let mut child = command.spawn().expect("the binary starts");
        let moment = Duration::from_millis(rng.random_range(20..800));
        match tokio::time::timeout(moment, child.wait()).await {
            Err(_) => {
                kill(child).await;
                kills += 1;
            }
            Ok(ended) => panic!("ended after {kills} kills: {ended:?}"),
        }
    }
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
}

/// Aborts at the failpoint once it was passed so often, then runs to the end without it.
async fn dies_at(failpoint: &str, passed_before: u32) {
    let crossing = Crossing::new(Population::new(400, 21), Faults::default()).await;
    for _ in 0..2 {
        let mut command = crossing.run_command();
        command.env(
            "FAILPOINTS",
            format!("{failpoint}={passed_before}*off->1*return"),
        );
        let output = command.output().await.expect("the binary starts");
        assert_eq!(
            output.status.code(),
            None,
            "did not die at {failpoint}: {output:?}"
        );
    }
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.standard_error);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_01_dies_before_a_batch_of_the_export_is_committed() {
    dies_at("register-before-commit", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_18_dies_before_the_claim_commits() {
    dies_at("claim-before-commit", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_19_dies_after_the_claim() {
    dies_at("after-claim", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_19_dies_before_the_call() {
    dies_at("before-call", 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_dies_after_the_call() {
    dies_at("after-call", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_dies_before_results_are_recorded() {
    dies_at("before-record", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_dies_before_results_are_committed() {
    dies_at("record-before-commit", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_21_dies_after_the_commit_before_the_acknowledgement() {
    dies_at("after-record", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_interrupt_finishes_what_is_in_flight_and_the_run_resumes() {
    let crossing = Crossing::new(Population::new(300, 22), Faults::default()).await;
    let mut command = crossing.command(&[
        "run",
        "sessions.csv",
        "--run",
        "test",
        "--rate",
        "100",
        "--json",
    ]);
    let child = command.spawn().expect("the binary starts");
    crossing.until_calls(20).await;
    signal(&child, "INT").await;
    let output = child.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let report: serde_json::Value =
        serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
    // In flight is finished: nothing is left running, nothing unresolved.
    assert_eq!(report["books"]["running"], 0, "{report}");
    assert_eq!(report["audit"]["unresolved"], 0, "{report}");
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    assert_eq!(
        crossing.audit().await.minted,
        300,
        "nothing was called twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_interrupt_stops_at_once_and_the_run_resumes() {
    let faults = Faults {
        latency_ms: 700,
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(200, 23), faults).await;
    let mut child = crossing.run_command().spawn().expect("the binary starts");
    crossing.until_calls(5).await;
    signal(&child, "INT").await;
    signal(&child, "TERM").await;
    assert_eq!(child.wait().await.expect("it ends").code(), Some(130));
    crossing.simulator.set_faults(Faults::default());
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
}
