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
use crate::clock::{NOON, TestClock};
use crate::server::Server;
use crate::tables::Tables;

/// A fresh database, gone when it is dropped.
pub(crate) enum Database {
    Sqlite(TempDir),
    Postgres(Server),
}

/// A bench on SQLite.
pub(crate) async fn sqlite() -> Bench {
    let folder = TempDir::new().expect("a place for temporary files");
    Bench::on(Database::Sqlite(folder)).await
}

/// A bench on PostgreSQL.
pub(crate) async fn postgres() -> Bench {
    Bench::on(Database::Postgres(Server::fresh().await)).await
}

/// The ring that every bench is opened with: the same at each call.
pub(crate) fn keys() -> KeyRing {
    KeyRing::generate("k1", &mut StdRng::seed_from_u64(1))
}

impl Database {
    /// The clock that its ledger goes by, at noon.
    pub(crate) fn clock(&self) -> TestClock {
        match self {
            Self::Sqlite(_) => TestClock::at(NOON),
            Self::Postgres(server) => TestClock::of(server.clone()),
        }
    }

    /// Opens the ledger in it, as one more process would.
    pub(crate) async fn open(
        &self,
        keys: KeyRing,
        clock: Arc<TestClock>,
    ) -> Result<Ledger, LedgerError> {
        match self {
            Self::Sqlite(_) => Ledger::open(&self.file(), keys, clock).await,
            Self::Postgres(server) => Ledger::connect(server.settings(), keys).await,
        }
    }

    /// Looks at the tables past the ledger.
    pub(crate) async fn tables(&self) -> Tables {
        match self {
            Self::Sqlite(_) => {
                let options = SqliteConnectOptions::new()
                    .filename(self.file())
                    .foreign_keys(false);
                let connection = options.connect().await;
                Tables::Sqlite(connection.expect("the ledger made the file"))
            }
            Self::Postgres(server) => Tables::Postgres(server.connect().await),
        }
    }

    /// The ledger's file.
    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("ferry.db"),
            Self::Postgres(_) => panic!("it is in no file"),
        }
    }

    /// The ledger's server.
    pub(crate) fn server(&self) -> &Server {
        match self {
            Self::Sqlite(_) => panic!("it is in a file"),
            Self::Postgres(server) => server,
        }
    }
}
