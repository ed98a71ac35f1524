//! Looking at a ledger without changing anything: nothing is made, migrated or marked.

use std::path::Path;

use ferry_core::Timestamp;

use crate::error::LedgerError;
use crate::postgres::PostgresSettings;
use crate::seal::KeyRing;
use crate::{Ledger, postgres, sqlite};

/// What is found at the place of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// How far the schema is.
    pub schema: Schema,
    /// `None` for a file.
    pub server: Option<Server>,
}

/// How far a ledger's schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// There is no ledger yet: the first command that works makes one.
    Missing,
    /// As this version makes it.
    Current,
    /// The first command that works brings it up to this version's.
    Older {
        /// What is there.
        found: i64,
        /// What this version makes.
        wanted: i64,
    },
    /// A newer version of Ferry made it: this one refuses it.
    Newer {
        /// What is there.
        found: i64,
    },
}

/// A database server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// As it calls itself.
    pub version: String,
    /// What its clock shows.
    pub now: Timestamp,
    /// A standby, or one that is set to take no writes.
    pub read_only: bool,
    /// Connections that are open, those of others included.
    pub connections: u32,
    /// The most that it allows.
    pub max_connections: u32,
}

/// What is asked of a ledger: its newest migration, and the key checks that it is marked with.
pub(crate) struct Marks {
    pub(crate) version: Option<i64>,
    pub(crate) key_checks: Vec<(String, Vec<u8>)>,
}

impl Ledger {
    /// Looks at the ledger in a file, beside whoever works on it. A ring that does not fit is
    /// [`LedgerError::WrongKeys`]; without one, that is not judged.
    pub async fn inspect_file(
        path: &Path,
        keys: Option<&KeyRing>,
    ) -> Result<Inspection, LedgerError> {
        let marks = match path.try_exists() {
            Ok(true) => sqlite::inspect::marks(path).await?,
            _ => Marks::none(),
        };
        Ok(Inspection {
            schema: marks.judge(sqlite::inspect::newest(), keys)?,
            server: None,
        })
    }

    /// Looks at the ledger on a server, by one connection.
    pub async fn inspect_server(
        settings: &PostgresSettings,
        keys: &KeyRing,
    ) -> Result<Inspection, LedgerError> {
        let (marks, server) = postgres::inspect::marks(settings).await?;
        Ok(Inspection {
            schema: marks.judge(postgres::inspect::newest(), Some(keys))?,
            server: Some(server),
        })
    }
}

impl Marks {
    pub(crate) fn none() -> Self {
        Self {
            version: None,
            key_checks: Vec::new(),
        }
    }

    fn judge(self, wanted: i64, keys: Option<&KeyRing>) -> Result<Schema, LedgerError> {
        let schema = match self.version {
            None => Schema::Missing,
            Some(found) if found > wanted => Schema::Newer { found },
            Some(found) if found < wanted => Schema::Older { found, wanted },
            Some(_) => Schema::Current,
        };
        if let Some(keys) = keys {
            keys.fits(&self.key_checks)?;
        }
        Ok(schema)
    }
}
