//! What is shown: help, the report for people, and the demonstration.

use std::fs;

use ferry_sim::{Faults, Population};

use crate::support::{Crossing, Outcome, ferry};

#[tokio::test(flavor = "multi_thread")]
async fn help_fits_into_80_columns_and_shows_examples() {
    let crossing = Crossing::new(Population::new(1, 200), Faults::default()).await;
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_plan", &["plan", "--help"]),
        ("help_check", &["check", "--help"]),
        ("help_run", &["run", "--help"]),
        ("help_status", &["status", "--help"]),
        ("help_cancel", &["cancel", "--help"]),
        ("help_verify", &["verify", "--help"]),
        ("help_lookup", &["lookup", "--help"]),
        ("help_mapping_export", &["mapping", "export", "--help"]),
        ("help_runs_report", &["runs", "report", "--help"]),
        ("help_purge", &["purge", "--help"]),
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
