//! `ferry lookup`: from a legacy session to its Stytch session, and back.

use std::fs;
use std::process::Stdio;

use ferry_ledger::mappings::Mapping;
use ferry_sim::{Faults, Population};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::{Crossing, Outcome, open_ledger};

async fn crossed(population: Population) -> Crossing {
    let crossing = Crossing::new(population, Faults::default()).await;
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    crossing
}

/// Each mapping, and its Stytch session token.
pub(crate) async fn mappings(crossing: &Crossing) -> Vec<(Mapping, String)> {
    let ledger = open_ledger(&crossing.data()).await;
    let mappings = ledger.mappings(None, u32::MAX).await.expect("mappings");
    let with_token = |mapping: Mapping| {
        let token = ledger.session_token(&mapping).expect("it opens");
        (mapping, token.expect("a token").expose_secret().to_owned())
    };
    let mappings = mappings.into_iter().map(with_token).collect();
    ledger.close().await;
    mappings
}

/// `session_id,organization` of each row of the export.
fn sessions(crossing: &Crossing) -> Vec<(String, String)> {
    let mut export = csv::Reader::from_path(crossing.export()).expect("an export");
    let rows = export.records().map(|row| row.expect("a row"));
    rows.map(|row| (row[2].to_owned(), row[1].to_owned()))
        .collect()
}

async fn asked(crossing: &Crossing, arguments: &[&str], lines: &str) -> Outcome {
    let mut command = crossing.command(&[&["lookup"], arguments].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(lines.as_bytes()).await.expect("it reads");
    drop(input);
    let outcome = Outcome::from(child.wait_with_output().await.expect("it ends"));
    crossing.assert_tells_no_secret(&outcome);
    outcome
}

fn answers(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.standard_output.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_itself_is_looked_up_and_back() {
    let crossing = crossed(Population::realistic(300, 310)).await;
    let forth = ["lookup", "--file", "sessions.csv", "--json"];
    let outcome = crossing.ferry(&forth).await;
    let found: Vec<_> = answers(&outcome)
        .into_iter()
        .filter(|a| a["found"] == true)
        .collect();
    let mappings = mappings(&crossing).await;
    // A duplicate is found as often as it is asked for.
    assert!(found.len() >= mappings.len());
    for answer in &found {
        let key = answer["legacy_key"].as_str().expect("a key");
        let (mapping, _) = mappings
            .iter()
            .find(|(mapping, _)| mapping.legacy_key.to_string() == key)
            .expect("it is mapped");
        assert_eq!(answer["member_session_id"], mapping.member_session_id);
        assert_eq!(answer["member_id"], mapping.member_id);
        assert_eq!(answer["state"], "live");
        assert_eq!(answer["run"], "test");
    }
    let dead = answers(&outcome)
        .into_iter()
        .filter(|a| a["session_state"] == "dead");
    assert!(dead.count() as u64 >= crossing.summary.member_missing);

    let ids = mappings
        .iter()
        .map(|(mapping, _)| mapping.member_session_id.as_str());
    let ids = ids.collect::<Vec<_>>().join("\n");
    let back = asked(&crossing, &["--reverse", "--json"], &ids).await;
    back.assert_says(0, &["0 not found, 0 lines not readable"]);
    for (answer, (mapping, _)) in answers(&back).iter().zip(&mappings) {
        assert_eq!(answer["legacy_key"], mapping.legacy_key.to_string());
        assert_eq!(answer["row"], mapping.source_row);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_told_by_its_line_and_the_rest_goes_on() {
    let crossing = crossed(Population::new(3, 311)).await;
    let sessions = sessions(&crossing);
    let (id, organization) = &sessions[0];
    let canary = "canary-of-a-bearer-secret";
    let lines = format!(
        "{id},{organization}\n{canary},{canary},{canary}\n\n{{\"session_id\": \"{canary}\"\n\
         {{\"session_id\": \"{canary}\", \"organization\": \"{organization}\"}}\n{id}, other\n"
    );
    let outcome = asked(&crossing, &["--json"], &lines).await;
    outcome.assert_says(1, &["1 found, 2 not found, 2 lines not readable"]);
    let told = format!("{}{}", outcome.standard_output, outcome.standard_error);
    assert!(
        !told.contains(canary) && !told.contains(id.as_str()),
        "{told}"
    );
    let answers = answers(&outcome);
    let numbers: Vec<_> = answers
        .iter()
        .map(|a| a["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 4, 5, 6]);
    assert!(answers[1]["error"].is_string() && answers[2]["error"].is_string());
    assert_eq!(answers[0]["found"], true);
    assert_eq!(answers[3]["found"], false);
    crossing
        .ferry(&["lookup", "--file", "nowhere.csv"])
        .await
        .assert_says(2, &["nowhere.csv cannot be read"]);
    // Nothing of a session is ever taken from the command line.
    crossing
        .ferry(&["lookup", "some-session"])
        .await
        .assert_says(2, &["unexpected argument"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_only_when_it_is_asked_for_and_that_is_noted() {
    let crossing = crossed(Population::new(3, 312)).await;
    let (id, organization) = &sessions(&crossing)[0];
    let tokens: Vec<_> = mappings(&crossing).await;
    let holds = |outcome: &Outcome| {
        let told = &outcome.standard_output;
        tokens
            .iter()
            .filter(|(_, token)| told.contains(token))
            .count()
    };
    let line = format!("{id},{organization}\n");
    for arguments in [&[][..], &["--json"]] {
        let kept = asked(&crossing, arguments, &line).await;
        kept.assert_says(0, &[]);
        assert_eq!(holds(&kept), 0);
    }
    for arguments in [&["--reveal"][..], &["--reveal", "--json"]] {
        let shown = asked(&crossing, arguments, &line).await;
        shown.assert_says(0, &[]);
        assert_eq!(holds(&shown), 1);
    }
    let deeds = crossing.ferry(&["audit", "--json"]).await;
    let deed = deeds.report();
    assert_eq!(deed["action"], "reveal_tokens");
    assert_eq!(deed["affected"], 1);
    assert_eq!(deeds.standard_output.lines().count(), 2);
    let shown = crossing.ferry(&["audit"]).await.standard_output;
    assert!(shown.contains("reveal_tokens 1\n    lookup\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_for_people() {
    let crossing = crossed(Population::realistic(120, 313)).await;
    let rows = fs::read_to_string(crossing.export())
        .unwrap()
        .lines()
        .count() as u64;
    assert!(rows > 100);
    let outcome = crossing.ferry(&["lookup", "--file", "sessions.csv"]).await;
    let mut kinds = Vec::new();
    let mut page = String::new();
    // One of each kind: what comes after the line's number, with its details.
    for answer in outcome.standard_output.split("line ").skip(1) {
        let (_, told) = answer.split_once(": ").expect("a number");
        let kind = told
            .split([',', '(', '\n'])
            .next()
            .unwrap_or_default()
            .to_owned();
        if !kinds.contains(&kind) {
            page += "line ";
            page += answer;
            kinds.push(kind);
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-31T12:00:00Z");
    settings.add_filter(r"[0-9a-f]{32}", "00112233445566778899aabbccddeeff");
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    settings.add_filter(uuid, "01234567-89ab-cdef-0123-456789abcdef");
    settings.bind(|| insta::assert_snapshot!("lookup", page));
}
