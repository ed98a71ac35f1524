//! Opening the ledger.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferry_core::Timestamp;
use sqlx::migrate::MigrateError;

use crate::clock::Clock;
use crate::database::{Database, either};
use crate::error::LedgerError;
use crate::postgres::{PostgresLedger, PostgresSettings};
use crate::seal::KeyRing;
use crate::sqlite::SqliteLedger;

/// Cheap to clone: all clones share the connections.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) database: Database,
    pub(crate) keys: Arc<KeyRing>,
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
        let database = SqliteLedger::open(path, clock).await?;
        Self::on(Database::Sqlite(database), keys).await
    }

    /// Connects to the PostgreSQL ledger, making and migrating its tables if need be. Several
    /// processes may do so at once.
    pub async fn connect(settings: PostgresSettings, keys: KeyRing) -> Result<Self, LedgerError> {
        let database = PostgresLedger::connect(settings).await?;
        Self::on(Database::Postgres(database), keys).await
    }

    async fn on(database: Database, keys: KeyRing) -> Result<Self, LedgerError> {
        let ledger = Self {
            database,
            keys: Arc::new(keys),
        };
        ledger.check_keys().await?;
        Ok(ledger)
    }

    /// Now, by the clock that leases and due times are measured with.
    ///
    /// On PostgreSQL that clock is the server's, and this is what it told at the last claim (or at
    /// the start), moved on by this process's monotonic clock since before it was asked: late by a
    /// round trip at most, so that a lease looks shorter than it is, never longer.
    pub fn now(&self) -> Timestamp {
        either!(&self.database, database => database.now())
    }

    /// For how long the server has owed an answer, to whoever has waited for longest; zero if nobody
    /// waits. What looks through whole tables may take ten minutes before that.
    ///
    /// A connection whose other end is gone without a word is waited on for ever, while others get
    /// their answers.
    pub fn longest_wait(&self) -> Duration {
        match &self.database {
            Database::Sqlite(_) => Duration::ZERO,
            Database::Postgres(database) => database.longest_wait(),
        }
    }

    /// Closes all connections. On SQLite the write-ahead log is folded into the file.
    pub async fn close(&self) {
        either!(&self.database, database => database.close().await);
    }
}

/// Tells a schema that this version does not know from a failure, which `failed` explains.
pub(crate) fn migrated(
    done: Result<(), MigrateError>,
    failed: impl FnOnce(sqlx::Error) -> LedgerError,
) -> Result<(), LedgerError> {
    match done {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found) | MigrateError::VersionMismatch(found)) => {
            Err(LedgerError::NewerSchema { found })
        }
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(failed(error))
        }
        Err(error) => Err(LedgerError::Driver(sqlx::Error::Migrate(Box::new(error)))),
    }
}
