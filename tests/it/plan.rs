//! `ferry plan`: what an export would come to, without a call.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Outcome, ferry};

const BEGIN: &str = "2026-03-01T20:00:00Z";
const HEADER: &str =
    "access_token,organization,session_id,subject,email,token_expires_at,session_expires_at\n";

/// A row whose token ends so many minutes after the beginning.
fn row(number: u64, person: u64, minutes: i64) -> String {
    let begin: jiff::Timestamp = BEGIN.parse().unwrap();
    let end = begin + jiff::SignedDuration::from_mins(minutes);
    format!(
        "token-of-session-{number},acme-{},s-{number},user-{person},user{person}@acme.example,{end},2026-03-09T00:00:00Z\n",
        person % 7
    )
}

/// Everything that can be in an export: 400 sessions that could be carried, 20 of them alice's.
fn mixed() -> String {
    let mut export = HEADER.to_owned();
    for number in 0..400 {
        let person = if number < 20 { 9999 } else { number };
        let minutes = 2 + i64::try_from(number * number / 160).unwrap();
        export.push_str(&row(number, person, minutes));
    }
    for number in 0..30 {
        let _ = writeln!(
            export,
            ",acme-1,browser-{number},user-1,,2026-03-02T00:00:00Z,2026-03-09T00:00:00Z"
        );
    }
    for number in 1000..1010 {
        export.push_str(&row(number, number, -5));
    }
    for number in 100..115 {
        export.push_str(&row(number, number, 600));
    }
    export.push_str("opaque-1,acme-1,over-1,user-1,,2026-03-02T00:00:00Z,2026-02-28T00:00:00Z\n");
    export.push_str("opaque-2,acme-1,bad-1,user-1,,2026-02-31,2026-03-09T00:00:00Z\n");
    export.push_str("opaque-3,acme-1,bad-2,user-1,,soon,2026-03-09T00:00:00Z\n");
    export.push_str("opaque-4,acme-1\n");
    export
}

fn folder(export: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sessions.csv"), export).unwrap();
    folder
}

async fn plan(folder: &Path, arguments: &[&str]) -> Outcome {
    let arguments = [&["plan"][..], arguments, &["--begin-at", BEGIN]].concat();
    let outcome = Outcome::of(ferry(folder, &arguments)).await;
    assert!(!outcome.standard_output.contains("token-of-session"));
    assert!(!folder.join("ferry-data").exists(), "nothing is made");
    outcome
}

fn sum_of_coverage(plan: &Value) -> u64 {
    let coverage = plan["coverage"].as_object().unwrap();
    let others = coverage.iter().filter(|(name, _)| *name != "rows");
    others.map(|(_, count)| count.as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_opens_with_coverage_and_ends_with_advice() {
    let folder = folder(&mixed());
    let settings = "[rates]\nprovider = \"auth0-professional\"\n";
    fs::write(folder.path().join("ferry.toml"), settings).unwrap();
    let told = plan(folder.path(), &["sessions.csv", "--rate", "0.02"]).await;
    told.assert_says(0, &[]);
    assert!(
        told.standard_output
            .lines()
            .all(|line| line.chars().count() <= 80)
    );
    insta::assert_snapshot!("plan", told.standard_output);

    let json = plan(folder.path(), &["sessions.csv", "--rate", "0.02", "--json"]).await;
    let plan = json.report();
    let coverage = &plan["coverage"];
    assert_eq!(coverage["rows"], 459);
    assert_eq!(sum_of_coverage(&plan), 459, "{coverage}");
    assert_eq!(coverage["only_in_browser"], 30);
    assert_eq!(coverage["expired"], 10);
    assert_eq!(coverage["session_over"], 1);
    assert_eq!(coverage["duplicates"], 15);
    assert_eq!(coverage["rejected"], 3);
    assert_eq!(plan["people"]["limit"]["people_above"], 1);
    assert_eq!(plan["people"]["limit"]["their_sessions"], 20);
    // Eight at once, then twelve more at 4.5 in a minute.
    assert_eq!(plan["people"]["limit"]["largest_seconds"], 160);
    let bars = plan["expiry"].as_array().unwrap();
    let in_bars: u64 = bars
        .iter()
        .map(|bar| bar["sessions"].as_u64().unwrap())
        .sum();
    assert_eq!(in_bars, 400);
    let carried: u64 = bars
        .iter()
        .map(|bar| bar["carried"].as_u64().unwrap())
        .sum();
    assert_eq!(coverage["carried"], carried);
    assert!(coverage["expires_first"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_form_is_documented_field_by_field() {
    let folder = folder(&mixed());
    let settings = "[rates]\nprovider = \"auth0-professional\"\n";
    fs::write(folder.path().join("ferry.toml"), settings).unwrap();
    let json = plan(folder.path(), &["sessions.csv", "--rate", "0.02", "--json"]).await;
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plan.md");
    let page = fs::read_to_string(page).unwrap();
    let undocumented: Vec<_> = names(&json.report(), "")
        .into_iter()
        .filter(|name| !name.starts_with("forecast."))
        .filter(|name| {
            let last = name.rsplit('.').next().unwrap();
            !page.contains(&format!("`{name}`")) && !page.contains(&format!("`.{last}`"))
        })
        .collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
    let codes = json.report()["advice"].clone();
    for advice in codes.as_array().unwrap() {
        let code = advice["code"].as_str().unwrap();
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}

/// The paths of all values: `coverage.rows`, `rejects[].column`.
fn names(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let dot = if path.is_empty() { "" } else { "." };
                names(value, &format!("{path}{dot}{name}"))
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .flat_map(|item| names(item, &format!("{path}[]")))
            .collect(),
        _ => vec![path.to_owned()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_can_be_carried_stands_over_one_that_cannot() {
    let mut export = HEADER.to_owned();
    for minutes in [-5, 60, 90, -5] {
        export.push_str(&row(1, 1, minutes));
    }
    let folder = folder(&export);
    let plan = plan(folder.path(), &["sessions.csv", "--json"])
        .await
        .report();
    assert_eq!(plan["coverage"]["carried"], 1);
    assert_eq!(plan["coverage"]["duplicates"], 3);
    assert_eq!(plan["coverage"]["expired"], 0);
    assert_eq!(sum_of_coverage(&plan), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_export_is_refused_with_the_remedy() {
    let folder = folder("");
    fs::write(
        folder.path().join("garbage"),
        b"\x00\xff\xfe\x01garbage\n\x02",
    )
    .unwrap();
    fs::write(folder.path().join("sheet.xlsx"), b"PK\x03\x04\x14\x00").unwrap();
    for (export, saying) in [
        ("sessions.csv", "is empty"),
        ("nowhere.csv", "no such file"),
        (".", "is a directory"),
        ("sheet.xlsx", "a zip archive"),
        ("garbage", "garbage: "),
    ] {
        let refused = plan(folder.path(), &[export]).await;
        refused.assert_says(2, &[saying]);
        assert_eq!(refused.standard_output, "");
    }
    let refused = plan(folder.path(), &["sessions.csv", "--back-within", "soon"]).await;
    refused.assert_says(2, &["not a length of time"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_without_rows_is_a_plan_of_nothing() {
    let folder = folder(HEADER);
    let told = plan(folder.path(), &["sessions.csv"]).await;
    told.assert_says(0, &[]);
    assert!(told.standard_output.contains("a header and no rows"));
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_a_mark_and_line_ends_of_windows_make_no_difference() {
    let folder = folder(&mixed());
    let expected = plan(folder.path(), &["sessions.csv", "--json"])
        .await
        .report();
    let windows = format!("\u{feff}{}", mixed().replace('\n', "\r\n"));
    let file = folder.path().join("windows.csv");
    fs::write(&file, windows).unwrap();
    let mut command = ferry(folder.path(), &["plan", "-", "--json", "--begin-at", BEGIN]);
    command.stdin(Stdio::from(fs::File::open(&file).unwrap()));
    let mut piped = Outcome::of(command).await.report();
    assert_eq!(piped["export"], "standard input");
    piped["export"] = expected["export"].clone();
    assert_eq!(piped, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rate_nobody_expires_first() {
    let folder = folder(&mixed());
    let told = plan(
        folder.path(),
        &["sessions.csv", "--rate", "unlimited", "--json"],
    )
    .await;
    let plan = told.report();
    assert_eq!(plan["coverage"]["carried"], 400);
    assert_eq!(plan["forecast"], Value::Null);
    assert_eq!(plan["on_demand"]["calls_per_second"], 0.2);
}
