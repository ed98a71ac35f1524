//! A data folder that is in use, not ours, or full; a key ring that does not fit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ferry_sim::{Faults, Population};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStderr;

use crate::support::{Crossing, Outcome, SmallDisk};

async fn crossing(sessions: u64, seed: u64) -> Crossing {
    Crossing::new(Population::new(sessions, seed), Faults::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_on_the_folder_is_refused_and_the_first_is_unharmed() {
    let crossing = crossing(150, 140).await;
    let slow = [
        "run",
        "sessions.csv",
        "--run",
        "test",
        "--rate",
        "100",
        "--json",
    ];
    let first = crossing.command(&slow).spawn().expect("the binary starts");
    crossing.until_minted(5).await;
    let second = crossing.outcome(crossing.run_command()).await;
    second.assert_says(7, &["another ferry works on ferry-data", "--data"]);
    // Who only looks may look.
    let status = crossing.ferry(&["status", "test", "--json"]).await;
    status.assert_says(0, &[]);
    assert!(status.books().balance());
    assert!(status.books().open() > 0, "the first is under way");
    let first = first.wait_with_output().await.expect("it ends");
    let first = Outcome::from(first);
    crossing.assert_tells_no_secret(&first);
    crossing.assert_all_crossed(&first).await;
    assert_eq!(first.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_a_newer_version_is_refused_and_not_touched() {
    let crossing = crossing(10, 141).await;
    crossing
        .outcome(crossing.run_command())
        .await
        .assert_says(0, &[]);
    let ledger = SqliteConnectOptions::new().filename(crossing.data().join("ledger.sqlite"));
    let mut newer = SqliteConnection::connect_with(&ledger).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'of a later year', TRUE, x'00', 0)",
    )
    .execute(&mut newer)
    .await
    .unwrap();
    newer.close().await.unwrap();
    for arguments in [&["status"][..], &["run", "sessions.csv", "--run", "test"]] {
        let refused = crossing.ferry(arguments).await;
        refused.assert_says(
            2,
            &["a newer version of ferry (schema 9000)", "use that version"],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ring_that_does_not_fit_is_refused_until_the_right_one_is_back() {
    let crossing = crossing(10, 142).await;
    let first = crossing.outcome(crossing.run_command()).await;
    crossing.assert_all_crossed(&first).await;
    let keys = crossing.data().join("keys");
    let right = fs::read_to_string(&keys).unwrap();
    let refused = async |sayings: &[&str]| {
        for arguments in [&["status"][..], &["run", "sessions.csv", "--run", "test"]] {
            crossing.ferry(arguments).await.assert_says(2, sayings);
        }
    };

    fs::remove_file(&keys).unwrap();
    refused(&["ferry-data/keys is missing", "restore it from your backup"]).await;
    assert!(!keys.exists(), "no other ring is put in its place");

    fs::write(&keys, &right).unwrap();
    fs::set_permissions(&keys, PermissionsExt::from_mode(0o640)).unwrap();
    refused(&["ferry-data/keys", "others may read it", "chmod 600"]).await;

    fs::set_permissions(&keys, PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(&keys, RING).unwrap();
    refused(&[
        "the key ring does not fit this ledger",
        "restore the key ring",
    ])
    .await;

    fs::write(&keys, right.replace("seal ", "seel ")).unwrap();
    refused(&["ferry-data/keys", "key ring, line", "want `seal ID KEY`"]).await;

    fs::write(&keys, &right).unwrap();
    let again = crossing.outcome(crossing.run_command()).await;
    assert_eq!(again.books(), first.books());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_from_the_environment_is_used_and_a_wrong_one_is_not_shown() {
    let crossing = crossing(10, 143).await;
    crossing
        .outcome(crossing.run_command())
        .await
        .assert_says(0, &[]);
    let keys = crossing.data().join("keys");
    let ring = fs::read_to_string(&keys).unwrap().trim().replace('\n', ";");
    let with_ring = |ring: &str| {
        let mut command = crossing.run_command();
        command.env("FERRY_DATA__KEYS", ring);
        command
    };
    for wrong in [
        ring.replace("lookup", "look-up"),
        ring[..ring.len() - 4].to_owned(),
    ] {
        let refused = crossing.outcome(with_ring(&wrong)).await;
        refused.assert_says(2, &["FERRY_DATA__KEYS: key ring, line", "openssl rand"]);
    }
    let aside = keys.with_extension("aside");
    fs::rename(&keys, &aside).unwrap();
    let outcome = crossing.outcome(with_ring(&ring)).await;
    fs::rename(&aside, &keys).unwrap();
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_ledger_is_refused_and_left_as_it_is() {
    let crossing = crossing(3, 144).await;
    let ledger = crossing.data().join("ledger.sqlite");
    fs::create_dir(crossing.data()).unwrap();
    fs::write(crossing.data().join("keys"), RING).unwrap();
    fs::set_permissions(
        crossing.data().join("keys"),
        PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let diary = "Dear diary, today I was almost taken for a database.\n".repeat(100);
    fs::write(&ledger, &diary).unwrap();
    let refused = crossing.outcome(crossing.run_command()).await;
    refused.assert_says(
        2,
        &["ledger.sqlite is not a ferry ledger", "another data folder"],
    );
    assert_eq!(fs::read_to_string(&ledger).unwrap(), diary);
}

/// Of no ledger in these tests.
const RING: &str = "seal k1 MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=
lookup ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=
";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_is_refused_with_another_to_be_named() {
    let crossing = crossing(3, 145).await;
    for data in ["sessions.csv", "sessions.csv/below"] {
        let refused = crossing
            .ferry(&["run", "sessions.csv", "--data", data])
            .await;
        refused.assert_says(2, &[data, "is not a folder", "--data"]);
    }
    // Not even root may write there.
    let refused = crossing
        .ferry(&["run", "sessions.csv", "--data", "/proc/ferry"])
        .await;
    refused.assert_says(
        75,
        &["/proc/ferry cannot be made", "--data", "the same command"],
    );
    let nowhere = crossing.ferry(&["status", "--data", "nowhere"]).await;
    nowhere.assert_says(2, &["no ledger in nowhere", "--data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_run_and_with_room_the_same_command_completes() {
    let crossing = crossing(600, 146).await;
    let Some(disk) = small_disk(&crossing).await else {
        return beyond_a_limit_on_file_size(&crossing).await;
    };
    for left in [0, 256 * 1024, 512 * 1024] {
        disk.fill(left);
        let full = crossing
            .outcome(disk.command(&crossing.run_command()))
            .await;
        full.assert_says(75, &["nothing is lost: the same command goes on"]);
        let said = full.standard_error.to_lowercase();
        assert!(
            said.contains("full") || said.contains("no space left"),
            "{said}"
        );
        disk.free();
    }
    let outcome = crossing
        .outcome(disk.command(&crossing.run_command()))
        .await;
    outcome.assert_says(0, &[]);
    disk.copy_to(&crossing.data());
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_on_the_way_costs_no_session() {
    let crossing = crossing(600, 147).await;
    let Some(disk) = small_disk(&crossing).await else {
        return beyond_a_limit_on_file_size(&crossing).await;
    };
    let command = [
        "run",
        "sessions.csv",
        "--run",
        "test",
        "--rate",
        "150",
        "--json",
    ];
    let mut child = disk
        .command(&crossing.command(&command))
        .spawn()
        .expect("the binary starts");
    crossing.until_minted(20).await;
    disk.fill(0);
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut said = until_said(&mut lines, "the disk of the ledger is full").await;
    disk.free();
    let (output, rest) = tokio::join!(child.wait_with_output(), to_the_end(lines));
    said.push_str(&rest);
    let outcome = Outcome {
        standard_error: said,
        ..Outcome::from(output.expect("it ends"))
    };
    crossing.assert_tells_no_secret(&outcome);
    // It went on by itself.
    outcome.assert_says(0, &[]);
    disk.copy_to(&crossing.data());
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_file_size_ends_the_run_and_without_it_the_same_command_completes() {
    let crossing = crossing(600, 148).await;
    beyond_a_limit_on_file_size(&crossing).await;
}

async fn small_disk(crossing: &Crossing) -> Option<SmallDisk> {
    fs::create_dir(crossing.data()).unwrap();
    SmallDisk::mount(&crossing.data()).await
}

async fn beyond_a_limit_on_file_size(crossing: &Crossing) {
    let command = crossing.run_command();
    let command = command.as_std();
    let mut limited = tokio::process::Command::new("sh");
    limited
        // In blocks of 512 bytes; a write beyond it fails, rather than ending the process.
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(crossing.folder.path())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let full = crossing.outcome(limited).await;
    full.assert_says(75, &["nothing is lost: the same command goes on"]);
    let outcome = crossing.outcome(crossing.run_command()).await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
}

/// The lines up to the one that holds this.
async fn until_said(lines: &mut Lines<BufReader<ChildStderr>>, saying: &str) -> String {
    let mut said = String::new();
    let reading = async {
        while !said.contains(saying) {
            let line = lines.next_line().await.unwrap();
            said += &line.unwrap_or_else(|| panic!("not said before the end: {saying}"));
            said.push('\n');
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, reading)
        .await
        .expect("said in time");
    said
}

async fn to_the_end(mut lines: Lines<BufReader<ChildStderr>>) -> String {
    let mut rest = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        rest += &line;
        rest.push('\n');
    }
    rest
}
