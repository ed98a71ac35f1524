//! What only a file can get wrong, and what must not be found in it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ferry_ledger::{Ledger, LedgerError};
use secrecy::ExposeSecret;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor, SqliteConnection};
use tempfile::TempDir;

use crate::backends::{Database, keys, sqlite};
use crate::bench::{Bench, LEASE, source};
use crate::clock::{NOON, TestClock};
use crate::ends::{migrated, minted_token, retried};
use crate::people::{alice_active, carol_active};

async fn open(file: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(file, keys(), Arc::new(TestClock::at(NOON))).await
}

/// Another program's connection, which waits for no lock.
async fn another_program(file: &Path, read_only: bool) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(read_only)
        .busy_timeout(Duration::ZERO);
    options.connect().await.expect("the file is there")
}

#[tokio::test]
async fn a_text_file_is_not_a_ledger() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ferry.db");
    for text in ["token,organization\n", &"a text file\n".repeat(1000)] {
        fs::write(&file, text).unwrap();
        let refused = open(&file).await;
        let named = file.display().to_string();
        assert!(
            matches!(&refused, Err(LedgerError::NotALedger { path }) if *path == named),
            "{refused:?}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "untouched");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let folder = TempDir::new().unwrap();
    let refused = open(&folder.path().join("nowhere").join("ferry.db")).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn another_programs_lock_is_waited_for() -> Result<(), LedgerError> {
    let bench = sqlite().await;
    let mut other = another_program(&bench.database.file(), false).await;
    other.execute("BEGIN IMMEDIATE").await?;
    let spring = source("spring");
    let let_go = async { other.execute("COMMIT").await };
    let (run, gone) = tokio::join!(bench.ledger.begin_run(&spring), let_go);
    gone?;
    assert_eq!(run?.name, "spring");
    Ok(())
}

#[tokio::test]
async fn a_lock_that_stays_is_told_as_passing() -> Result<(), LedgerError> {
    let bench = sqlite().await;
    let file = bench.database.file();
    let mut holder = another_program(&file, false).await;
    holder.execute("BEGIN IMMEDIATE").await?;
    let mut other = another_program(&file, false).await;
    let refused = other.execute("BEGIN IMMEDIATE").await.unwrap_err();
    let refused = LedgerError::from(refused);
    assert!(matches!(refused, LedgerError::Busy), "{refused:?}");
    assert!(refused.is_passing());
    Ok(())
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_told() {
    let bench = sqlite().await;
    let mut reader = another_program(&bench.database.file(), true).await;
    let refused = reader.execute("DELETE FROM runs").await.unwrap_err();
    let refused = LedgerError::from(refused);
    assert!(matches!(refused, LedgerError::ReadOnly), "{refused:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing() -> Result<(), LedgerError> {
    let mut bench = sqlite().await;
    bench.active_run("spring", [alice_active()]).await?;
    let mut other = another_program(&bench.database.file(), false).await;
    // So small that SQLite takes the number of pages in use instead.
    other.execute("PRAGMA max_page_count = 1").await?;
    let fill = "CREATE TABLE filler AS SELECT randomblob(100000) AS bytes";
    let refused = LedgerError::from(other.execute(fill).await.unwrap_err());
    assert!(matches!(refused, LedgerError::DiskFull), "{refused:?}");
    assert!(refused.is_passing());
    bench.assert_books_balance().await
}

/// In plain, base64 (both alphabets, each of the three alignments), hexadecimal and decimal.
pub(crate) fn disguises(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut disguises = vec![
        secret.to_owned(),
        hex::encode(bytes),
        hex::encode_upper(bytes),
    ];
    for separator in [",", ", "] {
        let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
        disguises.push(numbers.join(separator));
    }
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        // What precedes it shifts it; its last group is mixed with what follows.
        for skipped in 0..3 {
            let whole = (bytes.len() - skipped) / 3 * 3;
            disguises.push(engine.encode(&bytes[skipped..skipped + whole]));
        }
    }
    disguises.into_iter().map(String::into_bytes).collect()
}

fn contains(file: &[u8], needle: &[u8]) -> bool {
    file.windows(needle.len()).any(|window| window == needle)
}

/// In which files of the ledger's folder something is found.
fn found_in(database: &Database, needles: &[Vec<u8>]) -> Vec<String> {
    let folder = database.file();
    let folder = folder.parent().expect("a folder");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let entry = entry.expect("an entry");
        let bytes = fs::read(entry.path()).expect("a file");
        if needles.iter().any(|needle| contains(&bytes, needle)) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn no_secret_is_found_in_any_file() -> Result<(), LedgerError> {
    let mut bench = sqlite().await;
    let (alice, carol) = (alice_active(), carol_active());
    let mut secrets: Vec<_> = [&alice, &carol, &alice.clone().with_newer_token()]
        .iter()
        .flat_map(|person| disguises(person.token()))
        .collect();
    secrets.extend(disguises(alice.session.stable_id.expose_secret()));
    let email = [b"alice@example.com".to_vec()];

    let rows = [alice.clone(), carol.clone()];
    bench.active_run("spring", rows).await?;
    assert_eq!(found_in(&bench.database, &secrets), [""; 0]);
    assert!(!found_in(&bench.database, &email).is_empty(), "it can find");
    let newer = alice.with_newer_token();
    bench.active_run("summer", [newer.clone()]).await?;
    for end in [|lease: &_| retried(lease, LEASE), migrated] {
        for person in [&newer, &carol] {
            let lease = bench.lease(person).await?;
            secrets.extend(disguises(&minted_token(&lease)));
            bench.record(end(&lease)).await?;
            assert_eq!(found_in(&bench.database, &secrets), [""; 0]);
        }
        bench.clock.advance(LEASE);
    }

    let Bench {
        ledger,
        tables,
        database,
        ..
    } = bench;
    tables.close().await;
    ledger.close().await;
    assert_eq!(found_in(&database, &secrets), [""; 0]);
    assert_eq!(found_in(&database, &email), ["ferry.db"], "folded in");
    let files = fs::read_dir(database.file().parent().unwrap()).unwrap();
    assert_eq!(files.count(), 1, "nothing else is left");
    Ok(())
}
