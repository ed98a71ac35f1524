//! What is shown: help, the report for people, and the demonstration.

use std::fmt::Write;
use std::fs;

use ferry_sim::{Faults, Population};

use crate::support::{Crossing, Outcome, ferry};

#[tokio::test(flavor = "multi_thread")]
async fn help_fits_into_80_columns_and_shows_examples() {
    let crossing = Crossing::new(Population::new(1, 200), Faults::default()).await;
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_run", &["run", "--help"]),
        ("help_status", &["status", "--help"]),
        ("help_cancel", &["cancel", "--help"]),
    ] {
        let mut command = crossing.command(arguments);
        command.env("COLUMNS", "80");
        let help = crossing.outcome(command).await;
        help.assert_says(0, &[]);
        insta::assert_snapshot!(name, help.standard_output);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_tells_the_books_each_failure_and_what_to_do() {
    let crossing = Crossing::new(Population::realistic(400, 201), Faults::default()).await;
    let run = [
        "run",
        "sessions.csv",
        "--run",
        "test",
        "--rate",
        "unlimited",
    ];
    let outcome = crossing.ferry(&run).await;
    outcome.assert_says(3, &[]);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(
        r"[\d.]+ s, [\d.]+ migrated/s",
        "[duration] s, [rate] migrated/s",
    );
    settings.bind(|| insta::assert_snapshot!("report", outcome.standard_output));
    let status = crossing.ferry(&["status"]).await;
    let books = |report: &str| report.split_once("audit:").unwrap().0.to_owned();
    assert!(
        books(&outcome.standard_output).starts_with(&books(&status.standard_output)[..300]),
        "{}",
        status.standard_output
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_final_tells_who_expires_before_their_turn() {
    let crossing = Crossing::new(Population::new(1, 202), Faults::default()).await;
    let mut export =
        "access_token,organization,session_id,token_expires_at,session_expires_at\n".to_owned();
    let hours = |hours| (jiff::Timestamp::now() + jiff::Span::new().hours(hours)).to_string();
    let (soon, later) = (hours(1), hours(1000));
    for row in 0..400 {
        let end = if row < 300 { &soon } else { &later };
        let _ = writeln!(export, "opaque-{row},acme,s{row},{end},{later}");
    }
    fs::write(crossing.export(), export).unwrap();
    // In an hour, 180 calls; with what Auth0 allows at the most, all.
    let enqueue = ["enqueue", "sessions.csv", "--run", "test", "--json"];
    let mut command = crossing.command(&enqueue);
    command
        .env("FERRY_RATES__PROVIDER", "auth0-free")
        .env("FERRY_RATES__USERINFO", "0.05");
    let enqueued = crossing.outcome(command).await;
    enqueued.assert_says(0, &[]);
    let forecast = &enqueued.report()["forecast"];
    let figure = |name: &str| forecast[name].as_u64().unwrap();
    assert_eq!(forecast["rate_per_second"], 0.05);
    assert_eq!(forecast["limited_by"], "userinfo");
    assert!((270..=280).contains(&figure("carried")), "{forecast}");
    assert_eq!(figure("carried") + figure("expire"), 400);
    assert_eq!(figure("over"), 0);
    assert!(
        (5380..=5600).contains(&figure("seconds_left")),
        "{forecast}"
    );
    assert_eq!(forecast["faster"]["saved"], forecast["expire"]);
    let faster = forecast["faster"]["rate_per_second"].as_f64().unwrap();
    assert!((0.083..0.09).contains(&faster), "{forecast}");

    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/report.md");
    let page = fs::read_to_string(page).unwrap();
    for (name, value) in forecast.as_object().unwrap() {
        let names = match value.as_object() {
            Some(inner) => inner
                .keys()
                .map(|inner| format!("{name}.{inner}"))
                .collect(),
            None => vec![name.clone()],
        };
        for name in names {
            assert!(page.contains(&format!("`forecast.{name}`")), "{name}");
        }
    }

    let status = crossing.ferry(&["status"]).await.standard_output;
    assert!(
        status.contains("forecast: at 65/s, no session expires before its turn\n"),
        "{status}"
    );
    assert!(
        status.contains("left, limited by rates.stytch\n"),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_ends_clean_and_replaces_no_folder_but_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let demo = ["demo", "--json", "--sessions", "300", "--data", "demo"];
    let outcome = Outcome::of(ferry(folder.path(), &demo)).await;
    outcome.assert_says(0, &[]);
    assert_eq!(outcome.audit("extra_alive"), 0);
    assert_eq!(outcome.audit("unresolved"), 0);
    assert!(outcome.books().balance());
    assert_eq!(outcome.books().open(), 0);
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/diary"), "private").unwrap();
    let refused = Outcome::of(ferry(folder.path(), &["demo", "--data", "mine"])).await;
    assert_ne!(refused.code, Some(0));
    assert!(refused.standard_error.contains("not a folder of the demo"));
    assert!(folder.path().join("mine/diary").exists());
}
