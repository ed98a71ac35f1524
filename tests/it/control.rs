//! Runs are listed, paused, resumed and cancelled beside whoever works on them.

use ferry_sim::{Faults, Population};
use serde_json::Value;
use tokio::process::Child;

use crate::support::{Crossing, Outcome};

/// Slow enough that nothing ends before it is told to.
const SLOW_RUN: [&str; 7] = [
    "run",
    "sessions.csv",
    "--run",
    "test",
    "--rate",
    "60",
    "--json",
];

async fn crossing(sessions: u64, seed: u64) -> Crossing {
    Crossing::new(Population::new(sessions, seed), Faults::default()).await
}

impl Crossing {
    /// `ferry run`, which has carried some sessions and has many left.
    async fn under_way(&self) -> Child {
        let child = self.command(&SLOW_RUN).spawn().expect("the binary starts");
        self.until_minted(5).await;
        child
    }

    async fn outcome_of(&self, child: Child) -> Outcome {
        let outcome = Outcome::from(child.wait_with_output().await.expect("it ends"));
        self.assert_tells_no_secret(&outcome);
        outcome
    }

    /// That standard output says each of these, and the command was done.
    async fn tells(&self, arguments: &[&str], sayings: &[&str]) {
        let outcome = self.ferry(arguments).await;
        outcome.assert_says(0, &[]);
        for saying in sayings {
            let said = &outcome.standard_output;
            assert!(said.contains(saying), "{saying:?} is not in: {said}");
        }
    }

    /// That the command line is refused, and standard error says each of these.
    async fn refuses(&self, arguments: &[&str], sayings: &[&str]) {
        self.ferry(arguments).await.assert_says(2, sayings);
    }

    /// The run as `ferry runs --json` lists it.
    async fn listed(&self) -> Value {
        let listed = self.ferry(&["runs", "--json"]).await;
        listed.assert_says(0, &[]);
        listed.report()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_the_run_and_it_goes_on_after_the_resume() {
    let crossing = crossing(1000, 220).await;
    let child = crossing.under_way().await;
    let sayings = ["run \"test\" is paused", "`ferry resume test`"];
    crossing.tells(&["pause", "test"], &sayings).await;
    let paused = crossing.outcome_of(child).await;
    assert_eq!(paused.code, Some(4), "{}", paused.standard_error);
    assert_eq!(paused.report()["pause_cause"], "operator");
    assert_eq!(paused.books().running, 0, "what was in flight is finished");
    crossing
        .tells(&["pause", "test"], &["is paused already"])
        .await;
    assert_eq!(crossing.audit().await.mapped, paused.books().migrated);

    let listed = crossing.listed().await;
    assert_eq!(listed["state"], "paused");
    assert_eq!(listed["pause_cause"], "operator");
    assert_eq!(listed["remedy"], "resume it when ready");
    assert_eq!(listed["open"], paused.books().open());
    crossing
        .tells(&["runs"], &["operator: resume it when ready"])
        .await;

    let sayings = ["is active again", "`ferry run` on the same export"];
    crossing.tells(&["resume", "test"], &sayings).await;
    crossing
        .tells(&["resume", "test"], &["is active already"])
        .await;
    let outcome = crossing.run().await;
    assert!(outcome.books().migrated > paused.books().migrated);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_beside_its_process_a_run_calls_no_more_and_keeps_what_it_carried() {
    let crossing = crossing(2000, 221).await;
    let child = crossing.under_way().await;
    crossing
        .tells(
            &["cancel", "test", "--dry-run"],
            &["open sessions, which would be skipped"],
        )
        .await;
    assert_eq!(crossing.listed().await["state"], "active");
    let sayings = ["run \"test\" is cancelled", "sessions are skipped"];
    crossing.tells(&["cancel", "test", "--yes"], &sayings).await;
    let ended = crossing.outcome_of(child).await;
    assert_eq!(ended.code, Some(2), "{}", ended.standard_error);
    let status = crossing.ferry(&["status", "test", "--json"]).await;
    let books = status.books();
    assert_eq!(status.report()["state"], "cancelled");
    assert!(books.balance() && books.open() == 0, "{books:?}");
    assert_eq!(books.skipped, status.failures("cancelled"));
    assert_eq!(crossing.audit().await.mapped, books.migrated);
    assert!(
        crossing.audit().await.minted < 2000,
        "the rest is not called"
    );
    crossing
        .refuses(&SLOW_RUN, &["was cancelled", "another name with --run"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_is_cancelled_once_and_only_when_it_is_meant() {
    let crossing = crossing(1000, 222).await;
    let child = crossing.under_way().await;
    crossing.tells(&["pause", "test"], &[]).await;
    let open = crossing.outcome_of(child).await.books().open();
    // Nobody is at a terminal.
    let sayings = [&format!("skips {open} sessions") as &str, "add --yes"];
    crossing.refuses(&["cancel", "test"], &sayings).await;
    let would = format!("has {open} open sessions");
    crossing
        .tells(&["cancel", "test", "--dry-run"], &[&would])
        .await;
    assert_eq!(crossing.listed().await["state"], "paused");
    let did = format!("is cancelled: {open} sessions are skipped\n");
    crossing.tells(&["cancel", "test", "--yes"], &[&did]).await;
    crossing
        .tells(&["cancel", "test"], &["is cancelled already"])
        .await;
    let listed = crossing.listed().await;
    assert_eq!(listed["state"], "cancelled");
    assert_eq!(listed["open"], 0);
    for control in ["pause", "resume"] {
        crossing
            .refuses(&[control, "test"], &["run \"test\" is cancelled"])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_run_is_left_as_it_is() {
    let crossing = crossing(20, 223).await;
    crossing.run().await.assert_says(0, &[]);
    let listed = crossing.listed().await;
    for (control, why) in [
        (&["pause", "test"][..], "only an active run can be paused"),
        (&["resume", "test"], "only a paused run can be resumed"),
        (&["cancel", "test", "--yes"], "there is nothing to cancel"),
    ] {
        crossing
            .refuses(control, &["run \"test\" is finished", why])
            .await;
    }
    assert_eq!(crossing.listed().await, listed);
    assert_eq!(listed["rows"], 20);
    assert_eq!(listed["open"], 0);
    let source = listed["source"].as_str().unwrap_or_default();
    assert!(source.ends_with("/sessions.csv"), "{source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_run_is_refused_with_names_that_are_near() {
    let crossing = crossing(5, 224).await;
    for control in ["pause", "resume", "cancel", "status"] {
        crossing
            .refuses(&[control, "test"], &["no ledger in ferry-data"])
            .await;
    }
    crossing.run().await.assert_says(0, &[]);
    for control in ["pause", "resume", "cancel", "status"] {
        crossing
            .refuses(
                &[control, "tset"],
                &["no run \"tset\"; did you mean \"test\"?"],
            )
            .await;
        crossing
            .refuses(
                &[control, "wave"],
                &["no run \"wave\": `ferry runs` lists them"],
            )
            .await;
    }
    crossing
        .refuses(
            &["cancel", "test", "--yes", "--dry-run"],
            &["cannot be used with"],
        )
        .await;
    crossing.refuses(&["pause"], &["<RUN>"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_the_newest_first() {
    let crossing = crossing(5, 225).await;
    crossing.run().await.assert_says(0, &[]);
    let again = ["run", "sessions.csv", "--run", "a-longer-name", "--json"];
    crossing.ferry(&again).await.assert_says(0, &[]);
    let listed = crossing.ferry(&["runs"]).await;
    listed.assert_says(0, &[]);
    let mut settings = insta::Settings::clone_current();
    let moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ";
    settings.add_filter(moment, "2026-01-31T12:00:00Z");
    settings.add_filter(r"/\S+/sessions", "/folder/sessions");
    settings.bind(|| insta::assert_snapshot!("runs", listed.standard_output));
}
