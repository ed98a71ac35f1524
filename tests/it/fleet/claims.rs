//! One call may run twice, one session survives: a worker dies, stands still or hears nothing
//! beside another one.

use std::collections::HashSet;

use ferry_core::id::{RunId, SessionId};
use ferry_queue::{Cause, Message};
use ferry_sim::{Faults, Population};
use ferry_testbed::proxy::Proxy;
use tokio::process::{Child, Command};

use crate::support::{Fleet, LOOK_EVERY, Outcome, signal};

/// Calls that take so many milliseconds.
pub(super) fn slow(latency_ms: u64) -> Faults {
    Faults {
        latency_ms,
        ..Faults::default()
    }
}

pub(super) async fn ended(process: Child) -> Outcome {
    Outcome::from(process.wait_with_output().await.expect("it ends"))
}

impl Fleet {
    /// `ferry work --until-empty` with so many calls in flight.
    pub(super) fn narrow(&self, concurrency: u32) -> Command {
        let mut command = self.work_command();
        command.args(["--concurrency", &concurrency.to_string()]);
        command
    }

    pub(super) fn minted(&self) -> u64 {
        self.crossing.simulator.audit().sessions.minted
    }

    /// Calls that Ferry gave up while they were under way.
    fn given_up(&self) -> u64 {
        let calls = self.crossing.simulator.audit().calls;
        let migrate = calls.get("migrate");
        let given_up = migrate.and_then(|outcomes| outcomes.get("client_gone"));
        given_up.copied().unwrap_or_default()
    }

    /// Waits until sessions are due, then sends a message for each of them.
    async fn ring(&self) {
        let messages = loop {
            let due = self.due().await;
            if !due.is_empty() {
                break due;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        let queue = self.queue().await;
        queue.publish(&messages).await.expect("it is there");
        queue.close().await;
    }

    /// `ferry sweep`, until no attempt is listed for a first look.
    pub(super) async fn sweep_resolved(&self) {
        while self.status().await.audit("unresolved") > 0 {
            let swept = Outcome::of(self.command(&["sweep"])).await;
            swept.assert_says(0, &[]);
        }
    }

    /// `ferry sweep`, until no attempt is listed for another look.
    async fn sweep_to_the_end(&self) {
        loop {
            let swept = Outcome::of(self.command(&["sweep"])).await;
            swept.assert_says(0, &[]);
            if !swept.standard_output.contains("the next look is due") {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

const SESSIONS: u64 = 120;

/// One of two workers dies at the failpoint once it was passed so often, and the other one goes on.
/// It has one call at a time, so that it is known what it leaves behind: a session that nobody
/// recorded, or none; and one more if the next call is under way by then, or the last result is not
/// recorded yet.
async fn one_dies_at(failpoint: &str, passed_before: u32, twins: u64) {
    // So slow that the other one has not carried all before this one begins.
    let fleet = Fleet::new(Population::new(SESSIONS, 50), slow(200)).await;
    fleet.enqueue().await;
    let living = fleet.narrow(4).spawn().expect("the binary starts");
    let mut dying = fleet.narrow(1);
    let when = format!("{failpoint}={passed_before}*off->1*return");
    dying.env("FAILPOINTS", when);
    let died = Outcome::of(dying).await;
    let said = died.standard_error;
    assert_eq!(died.code, None, "did not die at {failpoint}: {said}");
    fleet.crossing.simulator.set_faults(Faults::default());
    ended(living).await.assert_says(0, &["worker left"]);
    fleet.assert_all_crossed().await;
    let left_behind = fleet.minted() - SESSIONS;
    assert!((twins..=twins + 1).contains(&left_behind), "{left_behind}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_18_another_worker_takes_over_from_one_that_dies_before_its_claim_commits() {
    one_dies_at("claim-before-commit", 1, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_19_another_worker_takes_over_from_one_that_dies_after_its_claim() {
    one_dies_at("after-claim", 1, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_19_another_worker_takes_over_from_one_that_dies_before_its_call() {
    one_dies_at("before-call", 2, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_another_worker_takes_over_from_one_that_dies_after_its_call() {
    one_dies_at("after-call", 2, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_another_worker_takes_over_from_one_that_dies_before_it_records() {
    one_dies_at("before-record", 1, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_20_another_worker_takes_over_from_one_that_dies_before_its_results_commit() {
    one_dies_at("record-before-commit", 1, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_21_another_worker_takes_over_from_one_that_dies_before_it_acknowledges() {
    one_dies_at("after-record", 1, 0).await;
}

/// Has a worker die of the one session so often, each time of a message for it.
async fn crash_loop(fleet: &Fleet, failpoint: &str, crashes: u32) {
    for _ in 0..crashes {
        fleet.ring().await;
        let mut command = fleet.work_command();
        command.env("FAILPOINTS", format!("{failpoint}=return"));
        let died = Outcome::of(command).await;
        assert_eq!(died.code, None, "{}", died.standard_error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_16_a_session_of_which_a_worker_dies_eight_times_crosses_in_the_end() {
    let fleet = Fleet::new(Population::new(1, 51), Faults::default()).await;
    fleet.enqueue().await;
    crash_loop(&fleet, "after-claim", 8).await;
    fleet.work().await;
    fleet.assert_all_crossed().await;
    assert_eq!(fleet.minted(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_16_a_session_of_which_workers_die_without_end_becomes_a_dead_letter() {
    let mut fleet = Fleet::new(Population::new(1, 52), Faults::default()).await;
    fleet
        .settings
        .push(("FERRY_RETRY__MAX_UNKNOWN_OUTCOMES", "3"));
    fleet.enqueue().await;
    crash_loop(&fleet, "before-call", 3).await;
    // It would die once more, if it called.
    let mut command = fleet.work_command();
    command.env("FAILPOINTS", "before-call=return");
    Outcome::of(command).await.assert_says(0, &["worker left"]);
    let status = fleet.status().await;
    assert_eq!(status.books().dead, 1, "{}", status.standard_output);
    assert_eq!(status.failures("outcome_unknown"), 1);
    assert_eq!(status.audit("unresolved"), 0);
    assert_eq!(fleet.minted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_a_message_that_comes_three_times_makes_one_session() {
    let fleet = Fleet::new(Population::new(SESSIONS, 53), slow(50)).await;
    fleet.enqueue().await;
    fleet.ring().await;
    fleet.ring().await;
    let (one, other) = tokio::join!(Outcome::of(fleet.narrow(8)), Outcome::of(fleet.narrow(8)));
    one.assert_says(0, &[]);
    other.assert_says(0, &[]);
    fleet.assert_all_crossed().await;
    assert_eq!(fleet.minted(), SESSIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_14_a_redelivery_while_the_call_is_under_way_makes_no_second_session() {
    let fleet = Fleet::new(Population::new(SESSIONS, 54), slow(300)).await;
    fleet.enqueue().await;
    let proxy = Proxy::before(&fleet.queue_url).unwrap();
    let mut cut = fleet.narrow(8);
    cut.env("FERRY_QUEUE__URL", proxy.url(&fleet.queue_url).unwrap());
    let cut = cut.spawn().expect("the binary starts");
    fleet.crossing.until_minted(8).await;
    let other = fleet.narrow(8).spawn().expect("the binary starts");
    // Calls are under way at each of these moments.
    for minted in [16, 32, 48] {
        fleet.crossing.until_minted(minted).await;
        proxy.cut();
    }
    for worker in [cut, other] {
        ended(worker).await.assert_says(0, &["worker left"]);
    }
    fleet.assert_all_crossed().await;
    assert_eq!(fleet.minted(), SESSIONS);
}

/// Carries with two workers while this befalls calls; how many sessions were minted beyond those
/// that crossed.
async fn two_workers(fleet: &Fleet) -> u64 {
    fleet.enqueue().await;
    let (one, other) = tokio::join!(
        Outcome::of(fleet.work_command()),
        Outcome::of(fleet.work_command())
    );
    one.assert_says(0, &[]);
    other.assert_says(0, &[]);
    fleet.minted() - fleet.crossing.summary.migratable
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_22_what_was_minted_without_a_reply_is_swept() {
    let faults = Faults {
        cut_after_minting: 0.3,
        ..Faults::default()
    };
    let fleet = Fleet::new(Population::new(SESSIONS, 55), faults).await;
    assert!(two_workers(&fleet).await > 0);
    fleet.assert_all_crossed().await;
}

/// The settings of tests give a call up after 1 s, and look 1.5 s later.
#[tokio::test(flavor = "multi_thread")]
async fn fault_23_what_is_minted_after_our_timeout_within_the_quiet_time_is_swept_at_once() {
    let faults = Faults {
        slow_minting: 0.3,
        slow_minting_ms: 1300,
        ..Faults::default()
    };
    let fleet = Fleet::new(Population::new(SESSIONS, 56), faults).await;
    assert!(two_workers(&fleet).await > 0);
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_23_what_is_minted_after_the_quiet_time_is_swept_by_the_second_look() {
    let faults = Faults {
        slow_minting: 1.0,
        slow_minting_ms: 6000,
        ..Faults::default()
    };
    let mut fleet = Fleet::new(Population::new(20, 57), faults).await;
    fleet.settings.push(("FERRY_WORKER__SECOND_LOOK", "8s"));
    fleet.enqueue().await;
    let worker = fleet.work_command().spawn().expect("the binary starts");
    // Those called so far are minted late, the others at once.
    while fleet.given_up() < 10 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    fleet.crossing.simulator.set_faults(Faults::default());
    ended(worker).await.assert_says(0, &[]);
    fleet.crossing.until_minted(20 + fleet.given_up()).await;
    fleet.sweep_to_the_end().await;
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_24_a_worker_that_stood_still_beyond_its_leases_leaves_no_second_session_alive() {
    let fleet = Fleet::new(Population::new(SESSIONS, 58), slow(300)).await;
    fleet.enqueue().await;
    let paused = fleet.narrow(8).spawn().expect("the binary starts");
    fleet.crossing.until_minted(16).await;
    signal(&paused, "STOP").await;
    fleet.crossing.simulator.set_faults(Faults::default());
    fleet.work().await;
    signal(&paused, "CONT").await;
    let paused = ended(paused).await;
    // Calls were under way when it stood still, and their replies came.
    paused.assert_says(0, &["its lease was taken over", "worker left"]);
    fleet.sweep_resolved().await;
    fleet.assert_all_crossed().await;
    assert!(fleet.minted() > SESSIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_44_of_two_sessions_of_one_member_whose_replies_were_lost_both_live_on() {
    let faults = Faults {
        cut_after_minting: 1.0,
        ..Faults::default()
    };
    let population = Population {
        devices: vec![2],
        ..Population::new(2, 59)
    };
    let fleet = Fleet::new(population, faults).await;
    assert_eq!(fleet.crossing.simulator.population().people(), 1);
    fleet.enqueue().await;
    let worker = fleet.work_command().spawn().expect("the binary starts");
    let simulator = &fleet.crossing.simulator;
    let carried = || -> HashSet<_> {
        let minted = simulator.sessions().into_iter();
        minted.map(|session| session.legacy_session_id).collect()
    };
    while carried().len() < 2 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    simulator.set_faults(Faults::default());
    ended(worker).await.assert_says(0, &[]);
    assert!(fleet.minted() >= 4);
    fleet.assert_all_crossed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_15_what_nobody_can_use_is_a_dead_letter_with_its_cause_and_the_worker_lives() {
    let fleet = Fleet::new(Population::new(20, 49), Faults::default()).await;
    let queue = fleet.queue().await;
    let ours = Some("ferry.session");
    fleet
        .publish(None, "{\"v\":1,\"run\":1,\"session\":1}")
        .await;
    fleet.publish(ours, "{\"v\":1,\"run\":").await;
    fleet
        .publish(ours, "{\"v\":9,\"run\":1,\"session\":1}")
        .await;
    let unknown = Message {
        run: RunId(1),
        session: SessionId(i64::MAX),
    };
    queue.publish(&[unknown]).await.unwrap();
    fleet.enqueue().await;
    fleet.work().await;
    fleet.assert_all_crossed().await;
    let mut letters = Vec::new();
    while letters.len() < 4 {
        letters.extend(queue.drain_dead(10).await.unwrap());
    }
    queue.close().await;
    let causes: HashSet<_> = letters.iter().map(|letter| letter.cause).collect();
    let expected = [
        Cause::NotOurs,
        Cause::Unreadable,
        Cause::UnknownVersion,
        Cause::UnknownSession,
    ];
    assert_eq!(causes, HashSet::from(expected));
    assert_eq!(letters.len(), expected.len());
    assert!(letters.iter().any(|letter| letter.message == Some(unknown)));
}
