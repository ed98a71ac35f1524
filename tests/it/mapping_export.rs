//! `ferry mapping export`, and `ferry purge` of what it would reveal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ferry_sim::{Faults, Population};
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::lookup::mappings;
use crate::support::{Crossing, Outcome, SmallDisk};

async fn crossed(population: Population) -> Crossing {
    let crossing = Crossing::new(population, Faults::default()).await;
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    crossing
}

impl Crossing {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn exported(&self, arguments: &[&str]) -> Outcome {
        let export = ["mapping", "export", "--json", "--out"];
        self.ferry(&[&export, arguments].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_no_token_is_in_the_file_and_with_it_each_is() {
    let crossing = crossed(Population::realistic(200, 320)).await;
    let mappings = mappings(&crossing).await;
    for (file, reveals) in [
        ("kept.csv", false),
        ("kept.ndjson", false),
        ("open.csv", true),
        ("open.ndjson", true),
    ] {
        let mut arguments = vec![file];
        arguments.extend(reveals.then_some("--reveal-tokens"));
        let outcome = crossing.exported(&arguments).await;
        outcome.assert_says(0, &[]);
        assert_eq!(outcome.report()["mappings"], mappings.len());
        assert_eq!(outcome.report()["with_tokens"], reveals);
        let path = crossing.file(file);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
        let text = fs::read_to_string(&path).unwrap();
        let header = usize::from(file.ends_with("csv"));
        assert_eq!(text.lines().count(), mappings.len() + header, "{file}");
        for (mapping, token) in &mappings {
            assert!(text.contains(&mapping.member_session_id), "{file}");
            assert!(text.contains(&mapping.legacy_key.to_string()), "{file}");
            assert_eq!(text.contains(token), reveals, "{file}");
        }
        if let (Some(line), false) = (text.lines().next(), file.ends_with("csv")) {
            let row: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(row["run"], "test");
            assert_eq!(row["session_token"].is_string(), reveals);
        }
    }
    let deeds = crossing.ferry(&["audit", "--json"]).await.standard_output;
    let noted = |action| deeds.matches(&format!("\"action\":\"{action}\"")).count();
    assert_eq!((noted("reveal_tokens"), noted("export_mappings")), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_exists_is_left_alone() {
    let crossing = crossed(Population::new(5, 321)).await;
    fs::write(crossing.file("mine.csv"), "mine").unwrap();
    crossing
        .exported(&["mine.csv"])
        .await
        .assert_says(2, &["mine.csv exists"]);
    assert_eq!(fs::read(crossing.file("mine.csv")).unwrap(), b"mine");
    crossing
        .exported(&["nowhere/mine.csv"])
        .await
        .assert_says(1, &["nowhere/mine.csv cannot be made"]);
    crossing
        .exported(&["fresh.csv", "--run", "tset"])
        .await
        .assert_says(2, &["did you mean \"test\"?"]);
    assert!(!crossing.file("fresh.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_named_like_a_formula_is_no_formula_in_csv() {
    let crossing = Crossing::new(Population::new(3, 322), Faults::default()).await;
    let run = ["run", "sessions.csv", "--run==1+1", "--json"];
    let mut run = crossing.command(&run);
    run.env("FERRY_RATES__STYTCH", "unlimited");
    crossing.outcome(run).await.assert_says(0, &[]);
    crossing.exported(&["a.csv"]).await.assert_says(0, &[]);
    crossing.exported(&["a.jsonl"]).await.assert_says(0, &[]);
    let text = fs::read_to_string(crossing.file("a.csv")).unwrap();
    assert_eq!(text.matches("\n'=1+1,").count(), 3, "{text}");
    let text = fs::read_to_string(crossing.file("a.jsonl")).unwrap();
    assert_eq!(text.matches("{\"run\":\"=1+1\",").count(), 3, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_no_half_file() {
    let crossing = crossed(Population::new(300, 323)).await;
    let folder = crossing.file("small");
    fs::create_dir(&folder).unwrap();
    let disk = SmallDisk::mount(&folder).await;
    let disk = disk.expect("this test mounts a tmpfs: run it as root, or allow user namespaces");
    disk.fill(20_000);
    let export = ["mapping", "export", "--out", "small/mappings.csv"];
    let full = crossing
        .outcome(disk.command(&crossing.command(&export)))
        .await;
    full.assert_says(75, &["small/mappings.csv cannot be written"]);
    let kept = crossing.file("kept");
    disk.copy_to(&kept);
    let left: Vec<_> = fs::read_dir(&kept)
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    assert_eq!(left, ["ballast"]);
    disk.free();
    let again = crossing
        .outcome(disk.command(&crossing.command(&export)))
        .await;
    again.assert_says(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_session_that_is_over_goes_and_its_mapping_stays() {
    let crossing = crossed(Population::new(30, 325)).await;
    let options = SqliteConnectOptions::new().filename(crossing.data().join("ledger.sqlite"));
    let mut tables = options.connect().await.expect("a ledger");
    let ended = "UPDATE mappings SET expires_at = 0 WHERE session_id <= 10";
    let ended = sqlx::query(ended).execute(&mut tables).await.unwrap();
    assert_eq!(ended.rows_affected(), 10);
    let purged = crossing.ferry(&["purge", "--yes", "--json"]).await;
    purged.assert_says(0, &[]);
    assert_eq!(purged.report()["mappings"], 10);
    let left = "SELECT COUNT(session_token) FROM mappings";
    let left: i64 = sqlx::query_scalar(left)
        .fetch_one(&mut tables)
        .await
        .unwrap();
    assert_eq!(left, 20);
    let reveal = ["lookup", "--file", "sessions.csv", "--reveal", "--json"];
    let shown = crossing.ferry(&reveal).await;
    shown.assert_says(0, &["30 found"]);
    assert_eq!(
        shown.standard_output.matches("\"session_token\"").count(),
        20
    );
    assert_eq!(
        shown
            .standard_output
            .matches("\"state\":\"expired\"")
            .count(),
        10
    );
    let verified = crossing
        .ferry(&["verify", "test", "--sample", "0", "--json"])
        .await;
    verified.assert_says(0, &[]);
    assert_eq!(verified.report()["mappings"]["in_force"], 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_its_retention_is_wiped_when_that_is_meant() {
    let crossing = crossed(Population::realistic(200, 324)).await;
    let purge = |arguments: &[&str]| {
        let mut command = crossing.command(&[&["purge"], arguments].concat());
        // Dead at once; sessions end in days.
        command.env("FERRY_RETENTION__DEAD_TOKENS", "0s");
        command
    };
    let nothing = crossing.ferry(&["purge", "--json", "--yes"]).await;
    nothing.assert_says(0, &[]);
    assert_eq!(nothing.report()["tokens"], 0);

    let dry = crossing.outcome(purge(&["--dry-run", "--json"])).await;
    dry.assert_says(0, &[]);
    let tokens = dry.report()["tokens"].as_u64().unwrap();
    assert!(
        tokens > 0 && dry.report()["dry_run"] == true,
        "{}",
        dry.standard_output
    );
    crossing
        .outcome(purge(&[]))
        .await
        .assert_says(2, &["cannot be undone: add --yes"]);
    let done = crossing.outcome(purge(&["--yes", "--json"])).await;
    done.assert_says(0, &[]);
    assert_eq!(done.report()["tokens"], tokens);
    let again = crossing.outcome(purge(&["--yes", "--json"])).await;
    assert_eq!(again.report()["tokens"], 0, "twice is harmless");
    let outcome = crossing.ferry(&["status", "test", "--json"]).await;
    assert!(outcome.books().balance());
    let deeds = crossing.ferry(&["audit", "--json"]).await.standard_output;
    assert!(deeds.contains(&format!("\"affected\":{tokens}")), "{deeds}");
}
