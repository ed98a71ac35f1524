//! Exports that cannot be read, or not to their end: each is told with its remedy.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use ferry_core::books::Books;
use ferry_sim::{Faults, Population};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{Crossing, Outcome};

async fn crossing(sessions: u64, seed: u64) -> Crossing {
    Crossing::new(Population::new(sessions, seed), Faults::default()).await
}

/// `ferry run` on this file of the folder.
async fn run(crossing: &Crossing, export: &str) -> Outcome {
    crossing
        .ferry(&["run", export, "--rate", "unlimited", "--json"])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_export_is_refused_with_the_remedy_and_calls_nothing() {
    let crossing = crossing(3, 100).await;
    let write = |name: &str, bytes: &[u8]| fs::write(crossing.folder.path().join(name), bytes);
    fs::create_dir(crossing.folder.path().join("folder")).unwrap();
    write("empty.csv", b"").unwrap();
    write("blank.csv", b"\n \r\n\n").unwrap();
    write("sheet.xlsx", b"PK\x03\x04\x14\x00\x00\x00").unwrap();
    write("sixteen.csv", b"\xff\xfea\x00c\x00").unwrap();
    write("array.json", b"[\n{\"access_token\": 1}\n]\n").unwrap();
    for (export, sayings) in [
        ("nowhere.csv", ["no such file", "check the path"]),
        ("folder", ["is a directory", "name the export file"]),
        ("empty.csv", ["is empty", "check that the query"]),
        ("blank.csv", ["is empty", "check that the query"]),
        ("sheet.xlsx", ["a zip archive", "unpack it first"]),
        ("sixteen.csv", ["is UTF-16", "iconv"]),
        ("array.json", ["not one object per line", "jq -c"]),
    ] {
        let refused = run(&crossing, export).await;
        refused.assert_says(2, &sayings);
        assert!(refused.standard_error.contains(export), "names the export");
    }
    assert_eq!(crossing.simulator.audit().sessions.minted, 0);
    let runs = crossing.ferry(&["status"]).await;
    assert!(runs.standard_output.contains("no runs yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_is_told_with_those_found_and_the_likeliest() {
    let crossing = crossing(3, 101).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    fs::write(
        crossing.export(),
        export.replacen("session_id", "sesion_id", 1),
    )
    .unwrap();
    let refused = run(&crossing, "sessions.csv").await;
    refused.assert_says(
        2,
        &[
            "no column \"session_id\" (export.columns.session_id)",
            "access_token, organization, sesion_id, subject",
            "Did you mean \"sesion_id\"?",
            "Map the session id's column",
        ],
    );
    // Mapped as the message says, it crosses.
    let mut mapped = crossing.run_command();
    mapped.env("FERRY_EXPORT__COLUMNS__SESSION_ID", "sesion_id");
    let outcome = crossing.outcome(mapped).await;
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_a_header_is_refused_and_its_values_are_not_shown() {
    let crossing = crossing(3, 102).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let (_, rows) = export.split_once('\n').unwrap();
    fs::write(crossing.export(), rows).unwrap();
    let refused = run(&crossing, "sessions.csv").await;
    refused.assert_says(2, &["looks like values (9 of them)", "into the first line"]);
    assert!(!refused.standard_error.contains('@'), "no email is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_without_rows_finishes_and_says_so() {
    let crossing = crossing(3, 103).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let (header, _) = export.split_once('\n').unwrap();
    fs::write(crossing.export(), header).unwrap();
    let outcome = run(&crossing, "sessions.csv").await;
    outcome.assert_says(0, &["the export has a header and no rows"]);
    assert_eq!(outcome.books(), Books::default());
    assert_eq!(outcome.report()["state"], "finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_order_mark_and_line_ends_of_windows_make_no_difference() {
    let crossing = crossing(20, 104).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    let windows = format!("\u{feff}{}", export.replace('\n', "\r\n"));
    fs::write(crossing.export(), windows).unwrap();
    let outcome = crossing.outcome(crossing.run_command()).await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_before_the_cut_of_a_gzip_are_handed_over_when_the_whole_file_comes() {
    let crossing = crossing(600, 105).await;
    let whole = gzip(&fs::read(crossing.export()).unwrap());
    let path = crossing.folder.path().join("sessions.csv.gz");
    fs::write(&path, &whole[..whole.len() * 3 / 4]).unwrap();
    let cut = run(&crossing, "sessions.csv.gz").await;
    cut.assert_says(2, &["is cut short after record", "copy or export it again"]);
    assert_eq!(crossing.simulator.audit().sessions.minted, 0);

    fs::write(&path, &whole).unwrap();
    let outcome = run(&crossing, "sessions.csv.gz").await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;

    let status = crossing.ferry(&["status", "--json"]).await;
    let runs: Vec<serde_json::Value> = (status.standard_output.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [later, earlier] = runs.as_slice() else {
        panic!("two runs: {runs:?}")
    };
    assert_eq!(later["run"], outcome.report()["run"]);
    let books: Books = serde_json::from_value(earlier["books"].clone()).unwrap();
    assert!(books.exported > 100 && books.exported < 600, "{books:?}");
    assert!(books.balance(), "{books:?}");
    assert_eq!(books.handed_over, books.exported, "{books:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_that_unpacks_to_far_more_than_an_export_is_stopped() {
    let crossing = crossing(3, 106).await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&fs::read(crossing.export()).unwrap())
        .unwrap();
    let megabyte = vec![b'a'; 1024 * 1024];
    for _ in 0..70 {
        bomb.write_all(&megabyte).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    fs::write(crossing.folder.path().join("bomb.csv.gz"), bomb).unwrap();
    let stopped = run(&crossing, "bomb.csv.gz").await;
    stopped.assert_says(
        2,
        &[
            "more than 200 times its size",
            "stopped after record 3",
            "unpack it yourself",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_export_under_a_known_name_is_refused_and_the_run_is_as_it_was() {
    let crossing = crossing(10, 107).await;
    let first = crossing.outcome(crossing.run_command()).await;
    crossing.assert_all_crossed(&first).await;
    let mut export = fs::read(crossing.export()).unwrap();
    export.extend_from_slice(b"another,row\n");
    fs::write(crossing.export(), export).unwrap();
    let refused = crossing.outcome(crossing.run_command()).await;
    refused.assert_says(2, &["\"test\" was begun with another export", "--run"]);
    let status = crossing.ferry(&["status", "test", "--json"]).await;
    assert_eq!(status.books(), first.books());
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_with_the_same_content_goes_on_where_it_was() {
    let crossing = crossing(300, 108).await;
    let export = fs::read(crossing.export()).unwrap();
    let mut killed = from_standard_input(&crossing, &export);
    killed.env("FAILPOINTS", "after-claim=1*off->1*return");
    assert_eq!(crossing.outcome(killed).await.code, None, "it was to die");
    let outcome = crossing
        .outcome(from_standard_input(&crossing, &export))
        .await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
    let minted = crossing.simulator.audit().sessions.minted;
    let again = crossing
        .outcome(from_standard_input(&crossing, &export))
        .await;
    assert_eq!(again.books(), outcome.books());
    assert_eq!(crossing.simulator.audit().sessions.minted, minted);
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_that_is_longer_than_it_was_is_refused_rather_than_left_out() {
    let crossing = crossing(120, 109).await;
    let mut export = fs::read(crossing.export()).unwrap();
    let first = crossing
        .outcome(from_standard_input(&crossing, &export))
        .await;
    crossing.assert_all_crossed(&first).await;
    // Its first 64 KiB, by which a stream is known, are the same.
    assert!(export.len() > 64 * 1024);
    export.extend_from_slice(b"a,session,that,is,new,,,,\n");
    let refused = crossing
        .outcome(from_standard_input(&crossing, &export))
        .await;
    refused.assert_says(2, &["goes on after the 120 records", "--run"]);
}

fn from_standard_input(crossing: &Crossing, content: &[u8]) -> tokio::process::Command {
    let file = crossing.folder.path().join("piped");
    fs::write(&file, content).unwrap();
    let mut command = crossing.command(&["run", "-", "--rate", "unlimited", "--json"]);
    command.stdin(Stdio::from(fs::File::open(file).unwrap()));
    command
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "a secret is in standard error")]
async fn the_check_of_all_these_tests_finds_a_token() {
    let crossing = crossing(1, 110).await;
    let export = fs::read_to_string(crossing.export()).unwrap();
    crossing.assert_tells_no_secret(&Outcome {
        code: Some(2),
        standard_output: String::new(),
        standard_error: export.lines().nth(1).unwrap().to_owned(),
    });
}
