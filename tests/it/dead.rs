//! What could not be carried is listed, shown, exported, put aside, and given another chance.

use std::collections::HashMap;
use std::fs;

use ferry_sim::{Faults, PersonChange, Population};
use serde_json::Value;

use crate::support::{Crossing, Outcome, SmallDisk};

/// Of these some belong to people whom Stytch does not know, more than go first in a replay.
const SESSIONS: u64 = 1_500;

/// All sessions have been called.
async fn crossed(seed: u64) -> Crossing {
    let crossing = Crossing::new(Population::realistic(SESSIONS, seed), Faults::default()).await;
    crossing.run().await.assert_says(3, &[]);
    crossing
}

/// What differs from run to run.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    let moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ";
    settings.add_filter(moment, "2026-01-31T12:00:00Z");
    let whose = r"(?m)^  (row|organization|subject|email|external id|token)( +) .*$";
    settings.add_filter(whose, "  $1$2 …");
    settings.add_filter(r"request-id-\S+", "request-id-…");
    settings.add_filter(r"(session|show) \d+", "$1 7");
    settings.add_filter("\"example\": \\d+", "\"example\": 7");
    settings.add_filter(
        r"(?m)^ +\d+  (\d{4}-.*  )\S+$",
        "        7  ${1}alice@example.com",
    );
    settings
}

impl Crossing {
    pub(crate) async fn dead(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.command(&[&["dead"], arguments].concat());
        command.env("FERRY_RATES__STYTCH", "unlimited");
        self.outcome(command).await
    }

    /// Creates every member that Stytch did not know.
    pub(crate) fn create_missing_members(&self) {
        let population = self.simulator.population();
        for number in 0..population.people() {
            let change = PersonChange {
                member_exists: Some(true),
                ..PersonChange::default()
            };
            let subject = population.person(number).subject;
            assert!(self.simulator.change_person(&subject, change));
        }
    }
}

/// Dead sessions by reason.
pub(crate) fn by_reason(list: &Value) -> HashMap<String, u64> {
    let mut counted = HashMap::new();
    for count in list["counts"].as_array().unwrap() {
        let reason = count["reason"].as_str().unwrap().to_owned();
        *counted.entry(reason).or_default() += count["count"].as_u64().unwrap();
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_are_counted_listed_and_shown() {
    let crossing = crossed(600).await;
    let missing = crossing.summary.member_missing;
    let listed = crossing.dead(&["list", "--json"]).await;
    listed.assert_says(0, &[]);
    let list = listed.report();
    let dead = missing + crossing.summary.revoked;
    assert_eq!(list["dead"], dead);
    assert_eq!(by_reason(&list)["member_missing"], missing);
    for (arguments, count) in [
        (&["--reason", "member_missing"][..], missing),
        (&["--reason", "member_missing,userinfo_unusable"], dead),
        (&["--run", "test"], dead),
        (&["--error-type", "nothing_like_it"], 0),
        (&["--class", "session"], missing),
        (&["--attempts", "2"], crossing.summary.revoked),
        (&["--older-than", "1h"], 0),
        (&["--newer-than", "1h"], dead),
        (&["--organization", "nowhere"], 0),
        (&["--discarded"], 0),
    ] {
        let listed = crossing
            .dead(&[&["list", "--json"], arguments].concat())
            .await;
        listed.assert_says(0, &[]);
        assert_eq!(listed.report()["dead"], count, "{arguments:?}");
    }
    let list = crossing
        .dead(&[
            "list",
            "--sessions",
            "--limit",
            "3",
            "--json",
            "--reason",
            "member_missing",
        ])
        .await
        .report();
    let first = list["sessions"][0]["session"].to_string();
    settings().bind(|| {
        let counts = serde_json::to_string_pretty(&list["counts"]).unwrap();
        insta::assert_snapshot!("dead_list_json", counts);
    });
    let text = crossing.dead(&["list", "--sessions", "--limit", "3"]).await;
    let shown = crossing.dead(&["show", &first]).await;
    shown.assert_says(0, &[]);
    settings().bind(|| {
        insta::assert_snapshot!("dead_list", text.standard_output);
        insta::assert_snapshot!("dead_show", shown.standard_output);
    });
    for page in [&text, &shown] {
        let widest = page
            .standard_output
            .lines()
            .map(|line| line.chars().count())
            .max();
        assert!(widest.unwrap() <= 80, "{}", page.standard_output);
    }
    crossing
        .dead(&["show", "999999999"])
        .await
        .assert_says(2, &["there is no session 999999999"]);
}

/// Fault 42.
#[tokio::test(flavor = "multi_thread")]
async fn fault_42_what_is_mended_is_carried_once_and_what_was_carried_never_again() {
    let crossing = crossed(601).await;
    let (missing, migratable) = (crossing.summary.member_missing, crossing.summary.migratable);
    let minted = crossing.simulator.audit().sessions.minted;
    let replay = ["replay", "--reason", "member_missing", "--json"];
    let dry = crossing.dead(&[&replay[..], &["--dry-run"]].concat()).await;
    dry.assert_says(0, &[]);
    assert_eq!(dry.report()["replayable"][0]["count"], missing);
    assert_eq!(crossing.simulator.audit().sessions.minted, minted);

    // Nothing is mended: those that go first die of the same, and nobody follows.
    let vain = crossing.dead(&replay).await;
    vain.assert_says(3, &[]);
    let run = &vain.report()["runs"][0];
    assert_eq!(
        (run["replayed"].clone(), run["stopped"][0].clone()),
        (5.into(), "member_missing".into())
    );
    assert_eq!(run["outcomes"][0]["dead_alike"], 5);

    crossing.create_missing_members();
    let mended = crossing.dead(&replay).await;
    mended.assert_says(0, &[]);
    let run = &mended.report()["runs"][0];
    assert_eq!(run["outcomes"][0]["migrated"], missing);
    assert_eq!(crossing.simulator.audit().sessions.minted, minted + missing);

    let again = crossing.dead(&replay).await;
    again.assert_says(0, &[]);
    assert_eq!(again.report()["replayed"], 0);
    assert_eq!(crossing.simulator.audit().sessions.minted, minted + missing);
    let status = crossing.ferry(&["status", "test", "--json"]).await;
    assert_eq!(status.report()["state"], "finished");
    let books = status.books();
    assert!(books.balance(), "{books:?}");
    assert_eq!(books.migrated, migratable + missing);
    let audit = crossing.audit().await;
    assert_eq!((audit.mapped, audit.extra_alive), (books.migrated, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_refused_with_its_reason() {
    let crossing = crossed(602).await;
    for (arguments, sayings) in [
        (&["replay"][..], &["say which sessions", "--all"][..]),
        (
            &["replay", "--reason", "bad_luck"],
            &["no session dies of that", "member_missing", "seal_broken"],
        ),
        (
            &["replay", "--reason", "expired"],
            &["skipped, not dead, and cannot be replayed", "fresh tokens"],
        ),
        (&["replay", "--reason", "revoked"], &["never carried again"]),
        (&["replay", "--run", "tset"], &["did you mean \"test\"?"]),
        (&["replay", "--all", "--rate", "0"], &["not a rate"]),
        (&["list", "--older-than", "30"], &["not a length of time"]),
        (&["sync"], &["there is no broker"]),
    ] {
        crossing.dead(arguments).await.assert_says(2, sayings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_of_a_cancelled_run_stay_dead() {
    let crossing = Crossing::new(Population::realistic(SESSIONS, 603), Faults::default()).await;
    let slow = [
        "run",
        "sessions.csv",
        "--run",
        "test",
        "--rate",
        "100",
        "--json",
    ];
    let child = crossing.command(&slow).spawn().unwrap();
    crossing.until_minted(150).await;
    crossing
        .ferry(&["cancel", "test", "--yes"])
        .await
        .assert_says(0, &[]);
    let ended = Outcome::from(child.wait_with_output().await.unwrap());
    ended.assert_says(2, &[]);
    let dead = crossing.dead(&["list", "--json"]).await.report()["dead"].clone();
    assert!(dead.as_u64() > Some(0), "some died before");
    let refused = crossing.dead(&["replay", "--all"]).await;
    refused.assert_says(2, &["nothing was replayed"]);
    assert!(
        refused.standard_output.contains("run_cancelled"),
        "{}",
        refused.standard_output
    );
    let after = crossing.dead(&["list", "--json"]).await.report()["dead"].clone();
    assert_eq!(after, dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paced_and_limited_replay_carries_no_more_than_it_may() {
    let crossing = crossed(604).await;
    crossing.create_missing_members();
    let minted = crossing.simulator.audit().sessions.minted;
    let replay = [
        "replay",
        "--reason",
        "member_missing",
        "--limit",
        "8",
        "--rate",
        "20",
        "--json",
    ];
    let replayed = crossing.dead(&replay).await;
    replayed.assert_says(0, &[]);
    assert_eq!(replayed.report()["replayed"], 8);
    assert_eq!(crossing.simulator.audit().sessions.minted, minted + 8);
    let listed = crossing.dead(&["list", "--json"]).await.report();
    assert_eq!(
        by_reason(&listed)["member_missing"],
        crossing.summary.member_missing - 8
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_aside_is_neither_listed_nor_replayed_until_asked_for() {
    let crossing = crossed(605).await;
    let missing = crossing.summary.member_missing;
    let discard = ["discard", "--reason", "member_missing"];
    let told = |outcome: &Outcome, saying: &str| {
        assert!(
            outcome.standard_output.contains(saying),
            "{}",
            outcome.standard_output
        );
    };
    crossing.dead(&discard).await.assert_says(2, &["add --yes"]);
    let dry = crossing
        .dead(&[&discard[..], &["--dry-run"]].concat())
        .await;
    told(&dry, &format!("{missing} dead sessions would be put aside"));
    let done = crossing.dead(&[&discard[..], &["--yes"]].concat()).await;
    done.assert_says(0, &[]);
    told(&done, &format!("{missing} dead sessions are put aside"));
    let listed = crossing.dead(&["list", "--json"]).await.report();
    assert_eq!(listed["dead"], crossing.summary.revoked);
    crossing.create_missing_members();
    let none = crossing
        .dead(&["replay", "--reason", "member_missing"])
        .await;
    told(&none, "no dead session fits");
    let replayed = crossing.dead(&["replay", "--discarded", "--json"]).await;
    replayed.assert_says(0, &[]);
    assert_eq!(replayed.report()["replayed"], missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_each_dead_session_and_replaces_no_file() {
    let crossing = crossed(606).await;
    let missing = crossing.summary.member_missing;
    let export = |file| ["export", file, "--reason", "member_missing"];
    crossing
        .dead(&export("missing.csv"))
        .await
        .assert_says(0, &[]);
    let file = crossing.folder.path().join("missing.csv");
    let csv = fs::read_to_string(&file).unwrap();
    assert!(
        csv.starts_with("session,run,row,organization,subject,email,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count() as u64, missing + 1);
    crossing
        .dead(&export("missing.csv"))
        .await
        .assert_says(2, &["exists"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), csv);
    crossing
        .dead(&export("missing.ndjson"))
        .await
        .assert_says(0, &[]);
    let ndjson = fs::read_to_string(crossing.folder.path().join("missing.ndjson")).unwrap();
    let rows: Vec<Value> = ndjson
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    assert_eq!(rows.len() as u64, missing);
    assert!(
        rows.iter()
            .all(|row| row["email"].as_str().unwrap().contains('@'))
    );
    for text in [&csv, &ndjson] {
        let outcome = Outcome {
            code: None,
            standard_output: text.clone(),
            standard_error: String::new(),
        };
        crossing.assert_tells_no_secret(&outcome);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formula_in_an_export_is_quoted() {
    let crossing = Crossing::new(Population::new(1, 607), Faults::default()).await;
    let token = crossing.simulator.access_token(0, 3600);
    let export = format!(
        "access_token,organization,session_id,session_expires_at,email\n{token},=1+1,s1,2999-01-01T00:00:00Z,\"=HYPERLINK(\"\"http://x\"\")@x.example\"\n"
    );
    fs::write(crossing.export(), export).unwrap();
    crossing.run().await.assert_says(3, &[]);
    crossing
        .dead(&["export", "dead.csv"])
        .await
        .assert_says(0, &[]);
    let csv = fs::read_to_string(crossing.folder.path().join("dead.csv")).unwrap();
    assert!(
        csv.contains("'=1+1") && csv.contains("'=HYPERLINK"),
        "{csv}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_an_export_is_told_and_leaves_no_file() {
    let crossing = crossed(608).await;
    let folder = crossing.folder.path().join("small");
    fs::create_dir(&folder).unwrap();
    let Some(disk) = SmallDisk::mount(&folder).await else {
        panic!("no disk can be mounted: run the tests as root, or allow user namespaces");
    };
    disk.fill(0);
    let command = crossing.command(&["dead", "export", "small/dead.csv"]);
    let refused = Outcome::of(disk.command(&command)).await;
    refused.assert_says(75, &["small/dead.csv"]);
    disk.free();
    let command = crossing.command(&["dead", "export", "small/dead.csv"]);
    Outcome::of(disk.command(&command))
        .await
        .assert_says(0, &[]);
}
