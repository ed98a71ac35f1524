//! `ferry verify`: what a run has come to, asked at Stytch.

use std::collections::HashSet;

use ferry_sim::{Faults, Population};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::process::Command;

use crate::support::{Crossing, Fleet, Outcome};

impl Crossing {
    /// `ferry verify` of the run, as fast as it goes.
    fn verify_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&[&["verify", "test", "--json"], arguments].concat());
        command.env("FERRY_RATES__STYTCH", "unlimited");
        command
    }

    async fn verified(&self, arguments: &[&str]) -> Outcome {
        self.outcome(self.verify_command(arguments)).await
    }

    /// The tables, past the ledger.
    async fn tables(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.data().join("ledger.sqlite"));
        options.connect().await.expect("a ledger")
    }
}

async fn crossed(population: Population) -> Crossing {
    let crossing = Crossing::new(population, Faults::default()).await;
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    crossing
}

fn lists(crossing: &Crossing) -> u64 {
    let audit = crossing.simulator.audit();
    let lists = audit.calls.iter().filter(|(name, _)| name.contains("list"));
    lists
        .map(|(_, outcomes)| outcomes.values().sum::<u64>())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_went_well_is_well() {
    let crossing = crossed(Population::realistic(300, 300)).await;
    let all = crossing.verified(&["--all"]).await;
    all.assert_says(0, &[]);
    let found = all.report();
    let migrated = crossing.summary.migratable;
    assert_eq!(found["well"], true);
    assert_eq!(found["balance"], true);
    assert_eq!(found["state"], "finished");
    for count in ["migrated", "mappings", "in_force"] {
        assert_eq!(found["mappings"][count], migrated, "{count}");
    }
    assert_eq!(found["at_stytch"]["asked"], migrated);
    assert_eq!(found["at_stytch"]["alive"], migrated);
    assert_eq!(found["examples"], Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_asked_for_within_the_rate() {
    let crossing = crossed(Population::new(60, 301)).await;
    let before = lists(&crossing);
    let mut command = crossing.verify_command(&["--sample", "5"]);
    // The reserved share of it is 5/s.
    command.env("FERRY_RATES__STYTCH", "100");
    let found = crossing.outcome(command).await;
    found.assert_says(0, &[]);
    assert_eq!(found.report()["at_stytch"]["alive"], 5);
    assert!((1..=5).contains(&(lists(&crossing) - before)));

    let mut command = crossing.verify_command(&["--all"]);
    command.env("FERRY_RATES__STYTCH", "100");
    let found = crossing.outcome(command).await;
    found.assert_says(0, &[]);
    assert_eq!(found.report()["at_stytch"]["alive"], 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sample_nothing_is_called() {
    let crossing = crossed(Population::new(20, 302)).await;
    let mut command = crossing.verify_command(&["--sample", "0"]);
    command.env_remove("FERRY_STYTCH__SECRET");
    let before = lists(&crossing);
    let found = crossing.outcome(command).await;
    found.assert_says(0, &[]);
    assert_eq!(found.report()["at_stytch"]["asked"], 0);
    assert_eq!(lists(&crossing), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_told_with_an_example() {
    let crossing = crossed(Population::new(40, 303)).await;
    let mut tables = crossing.tables().await;
    let day = 24 * 60 * 60 * 1000;
    for statement in [
        "DELETE FROM mappings WHERE session_id = (SELECT MIN(session_id) FROM mappings)".to_owned(),
        "UPDATE mappings SET member_session_id = 'member-session-test-nobody'
         WHERE session_id = (SELECT MIN(session_id) FROM mappings)"
            .to_owned(),
        "UPDATE mappings SET member_id = 'member-test-nobody'
         WHERE session_id = (SELECT MIN(session_id) + 1 FROM mappings)"
            .to_owned(),
        format!(
            "UPDATE mappings SET expires_at = expires_at + {day}
             WHERE session_id = (SELECT MIN(session_id) + 2 FROM mappings)"
        ),
        "UPDATE mappings SET member_session_id = (SELECT member_session_id FROM mappings
             ORDER BY session_id DESC LIMIT 1)
         WHERE session_id = (SELECT MAX(session_id) - 1 FROM mappings)"
            .to_owned(),
    ] {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut tables)
            .await;
        assert_eq!(done.expect("a change").rows_affected(), 1);
    }
    let outcome = crossing.verified(&["--all"]).await;
    outcome.assert_says(8, &[]);
    let found = outcome.report();
    assert_eq!(found["well"], false);
    assert_eq!(found["mappings"]["without_mapping"], 1);
    assert_eq!(found["mappings"]["shared"], 1);
    let at_stytch = &found["at_stytch"];
    assert_eq!(at_stytch["asked"], 39);
    // The two that share one session may be of one member.
    assert!(at_stytch["not_alive"].as_u64() >= Some(1), "{at_stytch}");
    assert_eq!(at_stytch["member_gone"], 1, "{at_stytch}");
    assert_eq!(at_stytch["ends_early"], 1, "{at_stytch}");
    let examples = found["examples"].as_array().expect("a list");
    assert!(examples.len() >= 3, "{examples:?}");

    let mut command = crossing.command(&["verify", "test", "--all"]);
    command.env("FERRY_RATES__STYTCH", "unlimited");
    let shown = crossing.outcome(command).await;
    shown.assert_says(8, &[]);
    for saying in [
        "WRONG: migrated sessions without a mapping",
        "WRONG: not alive at Stytch",
        "something is wrong",
    ] {
        assert!(
            shown.standard_output.contains(saying),
            "{}",
            shown.standard_output
        );
    }
    let widest = shown
        .standard_output
        .lines()
        .filter(|line| !line.contains("row "));
    assert!(widest.map(str::len).max() <= Some(80));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stytch_does_not_answer_is_no_fault_and_wrong_credentials_are_told() {
    let crossing = crossed(Population::new(5, 304)).await;
    crossing.simulator.set_faults(Faults {
        list_failures: 1.0,
        ..Faults::default()
    });
    let outcome = crossing.verified(&["--sample", "1"]).await;
    outcome.assert_says(75, &[]);
    assert_eq!(outcome.report()["well"], true);
    assert_eq!(outcome.report()["at_stytch"]["not_answered"], 1);

    crossing.simulator.set_faults(Faults {
        wrong_credentials: true,
        ..Faults::default()
    });
    crossing
        .verified(&["--sample", "1"])
        .await
        .assert_says(4, &["FERRY_STYTCH__SECRET"]);
    crossing
        .verified(&["--sample", "1", "--all"])
        .await
        .assert_says(2, &["cannot be used with"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_people() {
    let crossing = crossed(Population::realistic(200, 305)).await;
    let mut command = crossing.command(&["verify", "test"]);
    command.env("FERRY_RATES__STYTCH", "unlimited");
    let shown = crossing.outcome(command).await;
    shown.assert_says(0, &[]);
    insta::assert_snapshot!("verify", shown.standard_output);
}

/// From the export to the report, in a fleet.
#[tokio::test(flavor = "multi_thread")]
async fn a_fleets_run_is_verified_looked_up_exported_and_reported() {
    let fleet = Fleet::new(Population::realistic(200, 306), Faults::default()).await;
    fleet.enqueue().await;
    fleet.work().await;
    fleet.assert_all_crossed().await;
    let migrated = fleet.crossing.summary.migratable;
    let ferry = async |arguments: &[&str]| {
        let outcome = Outcome::of(fleet.command(arguments)).await;
        fleet.crossing.assert_tells_no_secret(&outcome);
        outcome.assert_says(0, &[]);
        outcome
    };

    let found = ferry(&["verify", "test", "--all", "--json"]).await.report();
    assert_eq!(found["at_stytch"]["alive"], migrated);

    let looked_up = ferry(&["lookup", "--file", "sessions.csv", "--json"]).await;
    let answers = looked_up.standard_output.lines();
    let answers = answers.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    // A duplicate is found as often as it is asked for.
    let found: HashSet<_> = answers
        .filter(|answer| answer["found"] == true)
        .map(|answer| answer["legacy_key"].to_string())
        .collect();
    assert_eq!(found.len() as u64, migrated);

    let out = fleet.crossing.folder.path().join("mappings.csv");
    let export = [
        "mapping",
        "export",
        "--run",
        "test",
        "--out",
        "mappings.csv",
        "--json",
    ];
    assert_eq!(ferry(&export).await.report()["mappings"], migrated);
    let back = ferry(&["lookup", "--reverse", "--file", "mappings.csv"]).await;
    assert!(
        back.standard_error
            .contains(&format!("{migrated} found, 0 not found, 0 lines"))
    );
    let lines = std::fs::read_to_string(out).unwrap().lines().count() as u64;
    assert_eq!(lines, migrated + 1);

    let report = ferry(&["runs", "report", "test", "--json"]).await.report();
    let carried = report["over_time"]["carried"]["counts"].as_array();
    let carried: u64 = carried
        .expect("counts")
        .iter()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(carried, migrated);
    let html = ferry(&["runs", "report", "test", "--format", "html"]).await;
    assert!(html.standard_output.ends_with("</html>\n"));

    let nothing = ferry(&["purge", "--dry-run", "--json"]).await.report();
    assert_eq!(nothing["mappings"], 0);
    // Long over.
    let mut tables = fleet.tables().await;
    let ended = sqlx::query("UPDATE mappings SET expires_at = 0");
    let ended = ended.execute(&mut tables).await.unwrap();
    assert_eq!(ended.rows_affected(), migrated);
    let mut purge = fleet.command(&["purge", "--yes", "--json"]);
    purge.env("FERRY_RETENTION__DEAD_TOKENS", "0s");
    let purged = Outcome::of(purge).await;
    purged.assert_says(0, &[]);
    assert_eq!(purged.report()["mappings"], migrated);
    assert!(purged.report()["tokens"].as_u64() > Some(0));
    let found = ferry(&["verify", "test", "--all", "--json"]).await.report();
    assert_eq!(
        (&found["well"], &found["mappings"]["in_force"]),
        (&true.into(), &0.into())
    );
    let deeds = ferry(&["audit", "--json"]).await.standard_output;
    assert!(deeds.contains("export_mappings"), "{deeds}");
}
