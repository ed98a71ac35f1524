//! Dead letters of a fleet: replayed by its workers, mirrored in the broker's dead-letter queue.

use std::collections::HashSet;
use std::fs;

use ferry_core::id::SessionId;
use ferry_core::reason::DeadReason;
use ferry_ledger::dead::Filter;
use ferry_queue::{Cause, DeadLetter, Message, Queue};
use ferry_sim::{Faults, Population};
use serde_json::Value;

use crate::support::{Fleet, LOOK_EVERY, Outcome, signal};

use super::claims::ended;

impl Fleet {
    /// All sessions have been called, and some are dead.
    async fn crossed(seed: u64) -> Self {
        let fleet = Self::new(Population::realistic(1_500, seed), Faults::default()).await;
        fleet.enqueue().await;
        fleet.work().await;
        fleet
    }

    async fn dead(&self, arguments: &[&str]) -> Outcome {
        let outcome = Outcome::of(self.command(&[&["dead"], arguments].concat())).await;
        self.crossing.assert_tells_no_secret(&outcome);
        outcome
    }

    /// What `ferry dead sync` tells.
    async fn sync(&self) -> Value {
        let synced = self.dead(&["sync", "--json"]).await;
        synced.assert_says(0, &[]);
        synced.report()
    }

    /// One letter for each session that is dead, with what the ledger says of it, and no other.
    async fn assert_mirrored(&self, queue: &Queue) {
        let ledger = self.ledger().await;
        let dead = ledger
            .dead_sessions(&Filter::default(), None, u32::MAX)
            .await
            .unwrap();
        ledger.close().await;
        let expected: HashSet<_> = dead
            .iter()
            .map(|dead| (dead.run.0, dead.session.0, dead.reason.clone()))
            .collect();
        let mut walk = queue.walk_dead().await.unwrap();
        let found = walk.next(usize::MAX).await.unwrap();
        walk.close().await.unwrap();
        assert_eq!(found.len(), dead.len());
        let letters: HashSet<_> = found
            .iter()
            .map(|found| {
                let message = found.letter.message.expect("ours");
                (
                    message.run.0,
                    message.session.0,
                    found.letter.cause.to_string(),
                )
            })
            .collect();
        assert_eq!(letters, expected);
    }
}

/// So many letters lie in the dead-letter queue.
async fn until_dead(queue: &Queue, letters: usize) {
    while queue.count_dead().await.unwrap() != letters {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Fault 42.
#[tokio::test(flavor = "multi_thread")]
async fn fault_42_a_replay_at_once_from_two_processes_is_carried_once_by_the_workers() {
    let fleet = Fleet::crossed(610).await;
    let summary = fleet.crossing.summary;
    let minted = fleet.minted();
    fleet.crossing.create_missing_members();
    let worker = fleet.command(&["work"]).spawn().expect("the binary starts");
    let replay = ["replay", "--reason", "member_missing", "--wait", "--json"];
    let (one, other) = tokio::join!(fleet.dead(&replay), fleet.dead(&replay));
    let replayed = |outcome: &Outcome| outcome.report()["replayed"].as_u64().unwrap();
    for outcome in [&one, &other] {
        outcome.assert_says(0, &[]);
    }
    assert_eq!(replayed(&one) + replayed(&other), summary.member_missing);
    let again = fleet.dead(&replay).await;
    again.assert_says(0, &[]);
    assert_eq!(replayed(&again), 0);
    let ledger = fleet.ledger().await;
    while fleet.status().await.report()["state"] != "finished" {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    signal(&worker, "TERM").await;
    ended(worker).await.assert_says(0, &["worker left"]);
    let books = fleet.books(&ledger).await;
    ledger.close().await;
    assert!(books.balance(), "{books:?}");
    assert_eq!(books.migrated, summary.migratable + summary.member_missing);
    assert_eq!(fleet.minted(), minted + summary.member_missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_workers_those_that_go_first_are_waited_for_and_no_other_follows() {
    let fleet = Fleet::crossed(611).await;
    let replay = [
        "replay",
        "--reason",
        "member_missing",
        "--canary-timeout",
        "1",
        "--json",
    ];
    let replayed = fleet.dead(&replay).await;
    replayed.assert_says(75, &[]);
    let report = replayed.report();
    assert_eq!(report["runs"][0]["ended"], "no_outcome");
    assert_eq!(report["replayed"], 5);
    assert_eq!(fleet.status().await.books().queued, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_queue_that_was_emptied_is_filled_again() {
    let fleet = Fleet::crossed(612).await;
    let queue = fleet.queue().await;
    let dead = usize::try_from(fleet.status().await.books().dead).unwrap();
    until_dead(&queue, dead).await;
    fleet.assert_mirrored(&queue).await;
    // The broker takes back what was looked at once it sees that who looked has gone.
    until_dead(&queue, dead).await;
    assert_eq!(queue.drain_dead(usize::MAX).await.unwrap().len(), dead);
    let list = fleet.dead(&["list", "--json"]).await.report();
    assert_eq!(
        (
            list["mirror"]["letters"].clone(),
            list["mirror"]["is_right"].clone()
        ),
        (0.into(), false.into())
    );
    let told = fleet.dead(&["list"]).await.standard_output;
    assert!(told.contains("`ferry dead sync` puts it right"), "{told}");
    // A replay does not need it.
    fleet.crossing.create_missing_members();
    let replay = [
        "replay",
        "--reason",
        "member_missing",
        "--canary",
        "0",
        "--json",
    ];
    fleet.dead(&replay).await.assert_says(0, &[]);
    fleet.work().await;
    let left = fleet.status().await.books().dead;
    assert_eq!(left, fleet.crossing.summary.revoked);
    let synced = fleet.sync().await;
    assert_eq!(
        (synced["found"].clone(), synced["published"].clone()),
        (0.into(), left.into())
    );
    until_dead(&queue, usize::try_from(left).unwrap()).await;
    fleet.assert_mirrored(&queue).await;
    let list = fleet.dead(&["list", "--json"]).await.report();
    assert_eq!(list["mirror"]["is_right"], true);
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_not_ours_are_kept_apart_saved_and_thrown_away() {
    const BODY: &str = "\u{1b}[2J a token of somebody's: hunter2";
    let fleet = Fleet::crossed(613).await;
    let queue = fleet.queue().await;
    let dead = usize::try_from(fleet.status().await.books().dead).unwrap();
    until_dead(&queue, dead).await;
    fleet.publish_to("dead", Some("invoice"), BODY).await;
    fleet.publish_to("dead", None, BODY).await;
    fleet
        .publish_to("dead", Some("ferry.session"), "{\"v\":1")
        .await;
    until_dead(&queue, dead + 3).await;
    let synced = fleet.sync().await;
    assert_eq!(synced["foreign"], 3);
    assert_eq!(synced["published_again"], dead);
    until_dead(&queue, dead).await;
    fleet.assert_mirrored(&queue).await;
    let listed = fleet
        .dead(&["foreign", "list", "--json"])
        .await
        .standard_output;
    assert!(!listed.contains("hunter2"), "{listed}");
    let kept: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(kept.len(), 2);
    let twice = kept
        .iter()
        .find(|kept| kept["times"] == 2)
        .expect("one lay there twice");
    assert_eq!(twice["size"], BODY.len());
    let digest = &twice["digest"].as_str().unwrap()[..12];
    let saved = fleet.dead(&["foreign", "save", digest, "letter.bin"]).await;
    saved.assert_says(0, &[]);
    let file = fleet.crossing.folder.path().join("letter.bin");
    assert_eq!(fs::read(file).unwrap(), BODY.as_bytes());
    let refused = fleet.dead(&["foreign", "save", digest, "letter.bin"]).await;
    refused.assert_says(2, &["exists"]);
    fleet
        .dead(&["foreign", "discard", digest])
        .await
        .assert_says(2, &["add --yes"]);
    fleet
        .dead(&["foreign", "discard", digest, "--yes"])
        .await
        .assert_says(0, &[]);
    fleet
        .dead(&["foreign", "discard", digest, "--yes"])
        .await
        .assert_says(2, &["no foreign message"]);
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_ledger_is_newer_than_the_queue_the_ledger_is_right() {
    let fleet = Fleet::crossed(614).await;
    let queue = fleet.queue().await;
    let dead = usize::try_from(fleet.status().await.books().dead).unwrap();
    until_dead(&queue, dead).await;
    let mut letters = queue.drain_dead(usize::MAX).await.unwrap();
    // One of an earlier death, one twice, one of a session that is carried, one of nobody's.
    letters[0].cause = Cause::Session(DeadReason::AttemptsExhausted);
    letters.push(letters[1]);
    let message = letters[0].message.unwrap();
    let ledger = fleet.ledger().await;
    let carried = ledger.mappings(None, 1).await.unwrap()[0].session;
    ledger.close().await;
    for session in [carried, SessionId(i64::MAX)] {
        letters.push(DeadLetter {
            message: Some(Message { session, ..message }),
            cause: Cause::Broker,
        });
    }
    queue.publish_dead(&letters).await.unwrap();
    until_dead(&queue, dead + 3).await;
    let synced = fleet.sync().await;
    for (what, count) in [
        ("found", dead + 3),
        ("published_again", dead),
        ("corrected", 1),
        ("repeated", 1),
        ("removed", 2),
        ("foreign", 0),
        ("published", 0),
    ] {
        assert_eq!(synced[what], count, "{what}: {synced}");
    }
    until_dead(&queue, dead).await;
    fleet.assert_mirrored(&queue).await;
    queue.close().await;
}
