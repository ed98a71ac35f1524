//! `ferry runs report`.

use ferry_sim::{Faults, Population};
use serde_json::Value;

use crate::support::Crossing;

fn sum(counts: &Value) -> u64 {
    let counts = counts["counts"].as_array().expect("counts");
    counts.iter().filter_map(Value::as_u64).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_tells_the_books_and_the_reasons() {
    let crossing = Crossing::new(Population::realistic(300, 330), Faults::default()).await;
    crossing.run().await.assert_says(3, &[]);
    let json = crossing.ferry(&["runs", "report", "test", "--json"]).await;
    json.assert_says(0, &[]);
    let report = json.report();
    let books = json.books();
    assert_eq!(report["still_going"], false);
    assert!(report["finished_at"].is_string());
    assert_eq!(sum(&report["over_time"]["carried"]), books.migrated);
    assert!(sum(&report["over_time"]["failed_attempts"]) >= books.dead);
    assert_eq!(sum(&report["ends"]), books.migrated);
    for form in ["text", "markdown", "html"] {
        let page = crossing
            .ferry(&["runs", "report", "test", "--format", form])
            .await;
        page.assert_says(0, &[]);
        let page = page.standard_output;
        for saying in [
            "the books balance",
            "member",
            "expired",
            "rows in the export",
        ] {
            assert!(page.contains(saying), "{saying:?} is not in {form}: {page}");
        }
        assert!(!page.contains("still going"), "{form}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn html_is_one_file_without_script_or_network_and_a_hostile_name_stays_a_name() {
    let crossing = Crossing::new(Population::new(20, 331), Faults::default()).await;
    let name = "</title><script>alert(1)</script>|`x`";
    let run = [
        "run",
        "sessions.csv",
        "--run",
        name,
        "--rate",
        "unlimited",
        "--json",
    ];
    crossing.ferry(&run).await.assert_says(0, &[]);
    let html = crossing
        .ferry(&["runs", "report", name, "--format", "html"])
        .await;
    html.assert_says(0, &[]);
    let html = html.standard_output;
    for absent in ["<script", "http://", "https://", "src=", "href=", "url("] {
        assert!(!html.contains(absent), "{absent} is in: {html}");
    }
    assert!(html.contains("default-src 'none'"), "{html}");
    assert_eq!(html.matches("<svg viewBox").count(), 2, "two pictures");
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    let markdown = crossing
        .ferry(&["runs", "report", name, "--format", "markdown"])
        .await;
    let title = markdown.standard_output.lines().next().unwrap_or_default();
    assert!(
        !title.contains('<') && title.contains("\\|\\`x\\`"),
        "{title}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_still_going_is_reported_as_it_stands() {
    let crossing = Crossing::new(Population::new(1000, 332), Faults::default()).await;
    let run = [
        "run",
        "sessions.csv",
        "--run",
        "test",
        "--rate",
        "60",
        "--json",
    ];
    let mut child = crossing.command(&run).spawn().expect("the binary starts");
    crossing.until_minted(20).await;
    let json = crossing.ferry(&["runs", "report", "test", "--json"]).await;
    json.assert_says(0, &[]);
    assert_eq!(json.report()["still_going"], true);
    assert!(json.books().balance() && json.books().open() > 0);
    for form in ["text", "markdown", "html"] {
        let page = crossing
            .ferry(&["runs", "report", "test", "--format", form])
            .await;
        page.assert_says(0, &[]);
        let saying = "This run is still going: the figures are those of 20";
        assert!(page.standard_output.contains(saying), "{form}");
    }
    child.kill().await.expect("it is ended");
    crossing
        .ferry(&["runs", "report", "tset"])
        .await
        .assert_says(2, &["did you mean \"test\"?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_for_a_terminal() {
    let crossing = Crossing::new(Population::realistic(200, 333), Faults::default()).await;
    crossing.run().await;
    let page = crossing.ferry(&["runs", "report", "test"]).await;
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-31T12:00:00Z");
    settings.add_filter(r"[\d.]+ s, [\d.]+ migrated/s", "1.0 s, 100.0 migrated/s");
    settings.add_filter(r"[·▁▂▃▄▅▆▇█]{60}", "▁▂▃▄▅▆▇█");
    settings.bind(|| insta::assert_snapshot!("run_report", page.standard_output));
}
