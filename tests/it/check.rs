//! `ferry check`: what would go wrong, before anything is called with a user's token.

mod codes;
mod fleet;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferry_sim::{Faults, Population};
use serde_json::Value;
use tokio::process::Command;

use crate::support::{Crossing, LOOK_EVERY, Outcome};

/// A provider, so that the check has nothing to say of its absence.
const PROVIDER: (&str, &str) = ("FERRY_RATES__PROVIDER", "auth0-enterprise");

async fn crossing(sessions: u64, seed: u64) -> Crossing {
    Crossing::new(Population::new(sessions, seed), Faults::default()).await
}

fn command(crossing: &Crossing, arguments: &[&str]) -> Command {
    let mut command = crossing.command(&[&["check"], arguments].concat());
    command.env(PROVIDER.0, PROVIDER.1);
    command
}

/// Checks; sees to it that no secret is told, and no user's token shown to anybody.
async fn check(crossing: &Crossing, arguments: &[&str]) -> Outcome {
    let outcome = crossing.outcome(command(crossing, arguments)).await;
    let calls = crossing.simulator.audit().calls;
    assert!(!calls.contains_key("migrate"), "{calls:?}");
    outcome
}

/// The codes of the findings.
fn codes(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.report()["findings"].clone();
    let findings = findings.as_array().unwrap().iter();
    findings
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

fn assert_found(outcome: &Outcome, code: i32, expected: &[&str]) {
    assert_eq!(codes(outcome), expected, "{}", outcome.standard_output);
    assert_eq!(outcome.code, Some(code), "{}", outcome.standard_output);
}

/// Every file of a folder, with its content.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let files = files.filter(|path| path.is_file());
    files
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect()
}

/// What differs from machine to machine.
fn shown(crossing: &Crossing, outcome: &Outcome) -> String {
    let told = &outcome.standard_output;
    assert!(
        told.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    told.replace(crossing.simulator.base_url(), "http://127.0.0.1:PORT")
}

fn filters() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ MB free", "[room] MB free");
    settings.add_filter(
        r"server \d[^:]*:\s+none\s+yet,\s+the\s+first\s+run",
        "[server]: none yet, the first run",
    );
    settings.add_filter(r"request-id-[\w-]+", "request-id");
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_nothing_is_made() {
    let crossing = crossing(60, 300).await;
    let well = check(&crossing, &["sessions.csv"]).await;
    well.assert_says(0, &[]);
    filters().bind(|| insta::assert_snapshot!("check_well", shown(&crossing, &well)));
    assert!(
        !crossing.data().exists(),
        "the data folder is made by a run"
    );
    assert_found(&check(&crossing, &["--json"]).await, 0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_ledger_in_use_nothing_is_changed_and_no_lock_is_asked_for() {
    let crossing = crossing(30, 301).await;
    crossing
        .outcome(crossing.run_command())
        .await
        .assert_says(0, &[]);
    let lock = fs::File::open(crossing.data().join("lock")).unwrap();
    lock.lock().unwrap();
    let before = content(&crossing.data());
    let outcome = crossing.outcome(command(&crossing, &["--json"])).await;
    assert_found(&outcome, 0, &[]);
    assert!(
        outcome
            .standard_output
            .contains("its schema is this version's")
    );
    assert_eq!(content(&crossing.data()), before);
    let mut strange = command(&crossing, &["--json"]);
    let keys = crossing.ferry(&["keys", "generate"]).await.standard_output;
    strange.env("FERRY_DATA__KEYS", keys.trim());
    assert_found(&crossing.outcome(strange).await, 10, &["ledger_keys"]);
    fs::remove_file(crossing.data().join("keys")).unwrap();
    let outcome = crossing.outcome(command(&crossing, &["--json"])).await;
    assert_found(&outcome, 10, &["key_ring"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_set_up_is_told_by_code_cause_and_remedy() {
    let crossing = crossing(3, 302).await;
    let live = "project-live-00000000-0000-4000-8000-0000000051e0";
    for (variable, value, code) in [
        (
            "FERRY_STYTCH__SECRET",
            "secret-test-another",
            "credentials_refused",
        ),
        (
            "FERRY_STYTCH__BASE_URL",
            "http://127.0.0.1:9",
            "stytch_away",
        ),
        ("FERRY_STYTCH__PROJECT_ID", live, "project"),
        ("FERRY_STYTCH__PROJECT_ID", "", "project"),
        ("FERRY_DATA__KEYS", "nonsense", "key_ring"),
        (
            "FERRY_QUEUE__URL",
            "amqp://guest:canary@127.0.0.1:9",
            "place",
        ),
        ("FERRY_WORKER__CONCURRENCY", "0", "configuration"),
        ("FERRY_DATA__FOLDER", "sessions.csv", "data_folder"),
    ] {
        let mut command = command(&crossing, &["--json"]);
        command.env(variable, value);
        let outcome = crossing.outcome(command).await;
        let found = codes(&outcome);
        assert!(found.contains(&code.to_owned()), "{variable}: {found:?}");
        assert_eq!(outcome.code, Some(10), "{variable}");
        assert!(!outcome.standard_output.contains("canary"));
    }
    let mut wrong = command(&crossing, &[]);
    wrong.env("FERRY_STYTCH__SECRET", "secret-test-another");
    wrong.env_remove(PROVIDER.0);
    let told = crossing.outcome(wrong).await;
    assert_eq!(told.code, Some(10));
    filters().bind(|| insta::assert_snapshot!("check_wrong", shown(&crossing, &told)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_missing_is_found_before_the_run() {
    let population = Population {
        member_missing: 0.1,
        ..Population::new(80, 303)
    };
    let crossing = Crossing::new(population, Faults::default()).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let (header, rows) = export.split_once('\n').unwrap();
    let mut rows: Vec<String> = rows.lines().map(str::to_owned).collect();
    let column = |row: &str, number: usize| row.split(',').nth(number).unwrap().to_owned();
    // Somebody's organization is not known, and a token is signed with a shared secret.
    let unknown = column(&rows[0], 1);
    rows[0] = rows[0].replacen(&unknown, "organization-of-nobody", 1);
    let (_, rest) = rows[1].split_once('.').unwrap();
    let header_of_token = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    rows[1] = format!("{header_of_token}.{rest}");
    rows.push(format!(",{}", rows[2].split_once(',').unwrap().1));
    fs::write(
        crossing.export(),
        format!("{header}\n{}\n", rows.join("\n")),
    )
    .unwrap();

    let outcome = check(&crossing, &["sessions.csv", "--json"]).await;
    let expected = [
        "tokens_missing",
        "token_algorithm",
        "organizations_missing",
        "members_missing",
    ];
    assert_found(&outcome, 11, &expected);
    let found = outcome.report();
    let cause = |code: &str| {
        let findings = found["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["code"] == code);
        finding.unwrap()["cause"].as_str().unwrap().to_owned()
    };
    assert!(cause("organizations_missing").contains("e.g. row 1"));
    assert!(cause("token_algorithm").contains("HS256, e.g. row 2"));
    let missing = crossing.summary.member_missing;
    assert!(missing > 2, "{missing}");
    let accepted: Vec<_> = expected
        .iter()
        .flat_map(|code| ["--accept-warning", code])
        .collect();
    let arguments = [&["sessions.csv"][..], &accepted].concat();
    let told = check(&crossing, &arguments).await;
    told.assert_says(0, &[]);
    assert!(told.standard_output.contains("accepted members_missing"));
    filters().bind(|| insta::assert_snapshot!("check_members", shown(&crossing, &told)));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_paged_through_and_being_told_to_wait_is_no_verdict() {
    let population = Population {
        organizations: 1,
        ..Population::new(2500, 304)
    };
    let faults = Faults {
        search_per_minute: Some(1),
        ..Faults::default()
    };
    let crossing = Crossing::new(population, faults).await;
    let searches = |outcome: &str| {
        let calls = crossing.simulator.audit().calls;
        let searches = calls.get("search_members");
        searches.and_then(|s| s.get(outcome).copied()).unwrap_or(0)
    };
    let checking = check(&crossing, &["sessions.csv", "--json"]);
    let next_minute = async {
        while searches("too_many_requests") == 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        crossing.simulator.set_faults(Faults::default());
    };
    let (outcome, ()) = tokio::join!(checking, next_minute);
    assert_found(&outcome, 0, &[]);
    assert!(searches("ok") >= 2, "{}", searches("ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_request_some_tokens_are_shown_to_the_legacy_provider() {
    let population = Population {
        revoked: 0.5,
        ..Population::new(20, 308)
    };
    let crossing = Crossing::new(population, Faults::default()).await;
    let asking = [
        "sessions.csv",
        "--no-members",
        "--json",
        "--ask-userinfo",
        "20",
    ];
    assert_found(&check(&crossing, &asking).await, 10, &["issuer_unset"]);
    let mut asked = command(&crossing, &asking);
    asked.env("FERRY_LEGACY__ISSUER", crossing.simulator.issuer());
    let outcome = crossing.outcome(asked).await;
    assert_found(&outcome, 11, &["tokens_refused"]);
    let revoked = crossing.summary.revoked;
    assert!(revoked > 2, "{revoked}");
    let told = &outcome.standard_output;
    assert!(
        told.contains(&format!("{revoked} tokens refused, e.g. row ")),
        "{told}"
    );
    assert!(
        told.contains(&format!("vouches for {} of 20 tokens", 20 - revoked)),
        "{told}"
    );
    let mut away = command(&crossing, &asking);
    away.env("FERRY_LEGACY__ISSUER", "http://127.0.0.1:9/");
    assert_found(&crossing.outcome(away).await, 10, &["userinfo_away"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_be_read_is_an_error_with_its_remedy() {
    let crossing = crossing(3, 305).await;
    fs::write(crossing.folder.path().join("empty.csv"), "").unwrap();
    fs::write(
        crossing.folder.path().join("garbage"),
        b"\x00\xff\x01garbage\n",
    )
    .unwrap();
    let export = fs::read_to_string(crossing.export()).unwrap();
    let header = export.split_once('\n').unwrap().0;
    fs::write(crossing.folder.path().join("header.csv"), header).unwrap();
    for (export, code) in [
        ("nowhere.csv", "export"),
        ("empty.csv", "export"),
        ("garbage", "export"),
        ("header.csv", "nothing_to_carry"),
    ] {
        assert_found(&check(&crossing, &[export, "--json"]).await, 10, &[code]);
    }
    let file = crossing.folder.path().join("marked.csv");
    fs::write(&file, format!("\u{feff}{}", export.replace('\n', "\r\n"))).unwrap();
    let mut piped = command(&crossing, &["-", "--json"]);
    piped.stdin(Stdio::from(fs::File::open(&file).unwrap()));
    assert_found(&crossing.outcome(piped).await, 0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_known_warning_can_be_accepted() {
    let crossing = crossing(3, 306).await;
    for (code, saying) in [
        ("disk_lo", "did you mean disk_low?"),
        ("ledger_away", "cannot be accepted"),
    ] {
        let refused = check(&crossing, &["--accept-warning", code]).await;
        refused.assert_says(2, &[saying]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_form_is_documented() {
    let crossing = crossing(3, 307).await;
    let mut command = command(&crossing, &["--json"]);
    command.env_remove(PROVIDER.0);
    let outcome = crossing.outcome(command).await;
    assert_found(&outcome, 11, &["provider_unset"]);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check.md");
    let page = fs::read_to_string(page).unwrap();
    let report = outcome.report();
    for (list, item) in [
        ("checks", &report["checks"][0]),
        ("findings", &report["findings"][0]),
    ] {
        let Value::Object(fields) = item else {
            panic!("{item}");
        };
        for field in fields.keys() {
            assert!(
                page.contains(&format!("`{list}[].{field}`")),
                "{list} {field}"
            );
        }
    }
}
