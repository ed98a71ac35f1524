//! The ledger in an SQLite file: one machine, one process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferry_core::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite, Transaction};

mod audit_log;
mod budgets;
mod cancel;
mod claim;
mod dead;
mod due;
mod foreign;
mod history;
pub(crate) mod inspect;
mod keys;
mod mappings;
mod park;
mod purge;
mod record;
mod register;
mod replay;
mod report;
mod roles;
mod rows;
mod runs;
mod standing;
mod subjects;
mod survey;
mod sweep;
mod timeline;
mod verify;
mod watch;
mod workers;

use crate::clock::{Clock, Reading, rounded_down};
use crate::error::LedgerError;
use crate::ledger::migrated;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How long a statement waits for another program's lock on the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Page cache of the writer. With SQLite's default of 2 MiB, a crossing reads twelve pages a
/// session again; the hot ones of a million sessions fit into this.
const WRITER_CACHE_KIB: u32 = 40 * 1024;
/// Page cache of each reader: they walk through, and hardly come back.
const READER_CACHE_KIB: u32 = 2 * 1024;

/// Pages (of 4 KiB) in the write-ahead log before they are folded into the file. A page that is
/// written several times in between is folded once.
const CHECKPOINT_PAGES: u32 = 8192;

/// Readers beside the one writer: the dispatcher, the sweeper, the report, the claim's details.
const READERS: u32 = 4;

/// An opened file.
#[derive(Clone)]
pub(crate) struct SqliteLedger {
    writer: SqlitePool,
    readers: SqlitePool,
    clock: Arc<dyn Clock>,
}

/// A write transaction, and the time at its beginning.
#[derive(Debug)]
pub(crate) struct SqliteChange {
    pub(crate) transaction: Transaction<'static, Sqlite>,
    began: Reading,
    now: Timestamp,
}

impl SqliteLedger {
    pub(crate) async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        let options = sqlite_options(path, WRITER_CACHE_KIB).create_if_missing(true);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await;
        let writer = writer.map_err(|error| not_a_ledger(error, path))?;
        let done = MIGRATIONS.run(&writer).await;
        migrated(done, |error| not_a_ledger(error, path))?;
        let reading = sqlite_options(path, READER_CACHE_KIB).read_only(true);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(reading)
            .await?;
        Ok(Self {
            writer,
            readers,
            clock,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Immediate: a transaction that reads before it writes fails at once when another writer was
    /// faster.
    pub(crate) async fn write(&self) -> Result<SqliteChange, LedgerError> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        let transaction = match self.writer.begin_with(BEGIN).await {
            // On a full disk SQLite rolls back by itself; sqlx then cannot, and takes the connection
            // for one within a transaction from then on. A new one is not.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer.acquire().await?.close().await?;
                self.writer.begin_with(BEGIN).await?
            }
            begun => begun?,
        };
        let began = Reading::of(&*self.clock);
        Ok(SqliteChange {
            transaction,
            began,
            now: rounded_down(began.now),
        })
    }
}

fn sqlite_options(path: &Path, cache_kib: u32) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A result that was acknowledged survives a crash.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        .pragma("cache_size", format!("-{cache_kib}"))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .log_statements(tracing::log::LevelFilter::Trace)
        // A claim's rows are taken in by hundreds: the default of 50 stops the reader in between.
        .row_buffer_size(512)
        // A busy disk is no news to the operator, and a statement's text no help.
        .log_slow_statements(tracing::log::LevelFilter::Debug, Duration::from_secs(1))
}

/// SQLite's result code for a file that is not a database.
const SQLITE_NOTADB: &str = "26";

fn not_a_ledger(error: sqlx::Error, path: &Path) -> LedgerError {
    let code = error
        .as_database_error()
        .and_then(|e| e.code().map(std::borrow::Cow::into_owned));
    if code.as_deref() == Some(SQLITE_NOTADB) {
        LedgerError::NotALedger {
            path: path.display().to_string(),
        }
    } else {
        error.into()
    }
}
