//! Opening the ledger.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferry_core::Timestamp;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite, Transaction};

use crate::clock::Clock;
use crate::error::LedgerError;
use crate::seal::KeyRing;

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

/// Cheap to clone: all clones share the connections.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    pub(crate) keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the SQLite ledger at `path`, making and migrating it if need be.
    pub async fn open(
        path: &Path,
        keys: KeyRing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LedgerError> {
        let options = sqlite_options(path, WRITER_CACHE_KIB).create_if_missing(true);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await;
        let writer = writer.map_err(|error| not_a_ledger(error, path))?;
        migrate(&writer, path).await?;
        let reading = sqlite_options(path, READER_CACHE_KIB).read_only(true);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(reading)
            .await?;
        let ledger = Self {
            writer,
            readers,
            keys: Arc::new(keys),
            clock,
        };
        ledger.check_keys().await?;
        Ok(ledger)
    }

    /// Now, by the clock that leases and due times are measured with.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Closes all connections, so that the write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A write transaction. Immediate: a deferred one that reads before it writes fails at once
    /// when another writer was faster.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, LedgerError> {
        const BEGIN: &str = "BEGIN IMMEDIATE";
        match self.writer.begin_with(BEGIN).await {
            // On a full disk SQLite rolls back by itself; sqlx then cannot, and takes the connection
            // for one within a transaction from then on. A new one is not.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer.acquire().await?.close().await?;
                Ok(self.writer.begin_with(BEGIN).await?)
            }
            begun => Ok(begun?),
        }
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

async fn migrate(writer: &SqlitePool, path: &Path) -> Result<(), LedgerError> {
    match MIGRATIONS.run(writer).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found) | MigrateError::VersionMismatch(found)) => {
            Err(LedgerError::NewerSchema { found })
        }
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(not_a_ledger(error, path))
        }
        Err(error) => Err(LedgerError::Driver(sqlx::Error::Migrate(Box::new(error)))),
    }
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
