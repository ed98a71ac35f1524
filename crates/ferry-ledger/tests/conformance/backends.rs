//! Where a ledger can be: a fresh database of each kind, and the keys of all of them.

use std::path::PathBuf;
use std::sync::Arc;

use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, LedgerError};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

use crate::bench::Bench;
use crate::clock::TestClock;
use crate::tables::Tables;

/// A fresh database, gone when it is dropped.
pub(crate) enum Database {
    Sqlite(TempDir),
}

/// A bench on SQLite.
pub(crate) async fn sqlite() -> Bench {
    let folder = TempDir::new().expect("a place for temporary files");
    Bench::on(Database::Sqlite(folder)).await
}

/// The ring that every bench is opened with: the same at each call.
pub(crate) fn keys() -> KeyRing {
    KeyRing::generate("k1", &mut StdRng::seed_from_u64(1))
}

impl Database {
    /// Opens the ledger in it, as one more process would.
    pub(crate) async fn open(
        &self,
        keys: KeyRing,
        clock: Arc<TestClock>,
    ) -> Result<Ledger, LedgerError> {
        Ledger::open(&self.file(), keys, clock).await
    }

    /// Looks at the tables past the ledger.
    pub(crate) async fn tables(&self) -> Tables {
        let options = SqliteConnectOptions::new()
            .filename(self.file())
            .foreign_keys(false);
        let connection = options.connect().await;
        Tables::through(connection.expect("the ledger made the file"))
    }

    /// The ledger's file.
    pub(crate) fn file(&self) -> PathBuf {
        let Self::Sqlite(folder) = self;
        folder.path().join("ferry.db")
    }
}
