//! `ferry dead park`: who died of a missing member goes again by itself, once the member exists.

use std::fs;

use ferry_sim::{Faults, PersonChange, Population};
use tokio::process::{Child, Command};

use crate::support::{Crossing, Fleet, LOOK_EVERY, Outcome, signal};

/// A tenth of the people are unknown to Stytch.
fn people(seed: u64) -> Population {
    Population {
        member_missing: 0.1,
        ..Population::new(40, seed)
    }
}

/// Looks come soon again, so that a test does not wait ten minutes.
const SOON: (&str, &str) = ("FERRY_WORKER__PARKED_LOOK", "500ms");

impl Crossing {
    /// The emails of a file that `ferry dead export` wrote.
    fn exported_emails(&self, file: &str) -> Vec<String> {
        let file = self.folder.path().join(file);
        let text = fs::read_to_string(file).unwrap();
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let rows = rows.records().map(|row| row.unwrap()[5].to_owned());
        rows.collect()
    }

    /// Creates the member with this email.
    fn create(&self, email: &str) {
        let person = self.simulator.population().person_by_email(email);
        let change = PersonChange {
            member_exists: Some(true),
            ..PersonChange::default()
        };
        assert!(
            self.simulator
                .change_person(&person.unwrap().subject, change)
        );
    }
}

async fn stopped(worker: Child) {
    signal(&worker, "TERM").await;
    Outcome::from(worker.wait_with_output().await.unwrap()).assert_says(0, &["worker left"]);
}

/// Parks all, creates one member and then the others, and sees each go by itself; with
/// commands of these processes.
async fn go_by_themselves(crossing: &Crossing, command: impl Fn(&[&str]) -> Command) {
    let ferry = async |arguments: &[&str]| {
        let outcome = Outcome::of(command(arguments)).await;
        crossing.assert_tells_no_secret(&outcome);
        outcome.assert_says(0, &[]);
        outcome
    };
    let missing = crossing.summary.member_missing;
    assert!(missing > 1);
    let export = [
        "dead",
        "export",
        "missing.csv",
        "--reason",
        "member_missing",
    ];
    ferry(&export).await;
    let emails = crossing.exported_emails("missing.csv");
    assert_eq!(emails.len() as u64, missing);
    let park = ["dead", "park", "--reason", "member_missing", "--json"];
    let dry = ferry(&[&park[..], &["--dry-run"]].concat()).await.report();
    assert_eq!(
        (&dry["changed"], &dry["dry_run"]),
        (&missing.into(), &true.into())
    );
    assert_eq!(ferry(&park).await.report()["changed"], missing);
    assert_eq!(ferry(&park).await.report()["parked_before"], missing);
    let list = ferry(&["dead", "list", "--json"]).await.report();
    assert_eq!(
        (&list["parked"], &list["dead"]),
        (&missing.into(), &missing.into())
    );

    let migrated = async || ferry(&["status", "test", "--json"]).await.books().migrated;
    let before = migrated().await;
    let mut work = command(&["work"]);
    work.env(SOON.0, SOON.1);
    let worker = work.spawn().expect("the binary starts");
    // One goes, and nobody else: they are looked for again and again meanwhile.
    crossing.create(&emails[0]);
    while migrated().await == before {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let calls = crossing.simulator.audit().calls.clone();
    assert_eq!(migrated().await, before + 1, "{calls:?}");
    for email in &emails[1..] {
        crossing.create(email);
    }
    let finished = async || {
        let status = ferry(&["status", "test", "--json"]).await;
        status.books().migrated == before + missing && status.report()["state"] == "finished"
    };
    while !finished().await {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    stopped(worker).await;
    let status = ferry(&["status", "test", "--json"]).await;
    assert!(status.books().balance() && status.books().dead == 0);
    let deeds = ferry(&["audit", "--limit", "1", "--json"]).await.report();
    assert_eq!(
        (&deeds["action"], &deeds["affected"]),
        (&"park".into(), &missing.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_machine_the_parked_go_by_themselves_once_their_member_exists() {
    let crossing = Crossing::new(people(360), Faults::default()).await;
    crossing.run().await.assert_says(3, &[]);
    let command = |arguments: &[&str]| {
        let mut command = crossing.command(arguments);
        command.env("FERRY_RATES__STYTCH", "unlimited");
        command
    };
    go_by_themselves(&crossing, command).await;
    assert_eq!(crossing.audit().await.extra_alive, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_fleet_the_parked_go_by_themselves_once_their_member_exists() {
    let mut fleet = Fleet::new(people(361), Faults::default()).await;
    // The look-ups have a share of a rate, and wait for it.
    fleet.settings = vec![("FERRY_RATES__STYTCH", "100")];
    fleet.enqueue().await;
    fleet.work().await;
    go_by_themselves(&fleet.crossing, |arguments| fleet.command(arguments)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_missing_members_are_parked_and_parking_is_undone() {
    let crossing = Crossing::new(people(362), Faults::default()).await;
    crossing.run().await.assert_says(3, &[]);
    let missing = crossing.summary.member_missing;
    for (arguments, saying) in [
        (&["park"][..], "say which sessions"),
        (
            &["park", "--reason", "member_not_active"],
            "only member_missing is parked",
        ),
        (&["park", "--discarded"], "only member_missing is parked"),
    ] {
        crossing.dead(arguments).await.assert_says(2, &[saying]);
    }
    crossing.dead(&["park", "--all"]).await.assert_says(0, &[]);
    let undo = ["park", "--all", "--undo", "--json"];
    let undone = crossing.dead(&undo).await.report();
    assert_eq!(undone["changed"], missing);
    assert_eq!(crossing.dead(&undo).await.report()["changed"], 0);
    let list = crossing.dead(&["list", "--json"]).await.report();
    assert_eq!(
        (&list["parked"], &list["dead"]),
        (&0.into(), &missing.into())
    );
}
