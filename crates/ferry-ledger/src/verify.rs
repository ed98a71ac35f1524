//! Whether a run's sessions and mappings fit together.

use ferry_core::id::RunId;
use serde::Serialize;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// A run's migrated sessions beside their mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MappingBooks {
    /// Sessions that are migrated.
    pub migrated: u64,
    /// Mappings of the run's sessions.
    pub mappings: u64,
    /// Those whose Stytch session is to be alive: neither revoked nor at its end.
    pub in_force: u64,
    /// Migrated sessions that have no mapping: a fault.
    pub without_mapping: u64,
    /// Mappings of sessions that are not migrated: a fault.
    pub without_session: u64,
    /// Stytch sessions that more than one mapping names: a fault.
    pub shared: u64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct MappingBooksRow {
    migrated: i64,
    mappings: i64,
    in_force: i64,
    without_mapping: i64,
    without_session: i64,
}

impl MappingBooks {
    /// Exactly one mapping for each migrated session, and a Stytch session of its own.
    pub fn fit(&self) -> bool {
        self.without_mapping == 0 && self.without_session == 0 && self.shared == 0
    }
}

impl Ledger {
    /// The run's migrated sessions beside their mappings. Reads all its sessions.
    pub async fn mapping_books(&self, run: RunId) -> Result<MappingBooks, LedgerError> {
        let (row, shared) =
            either!(long &self.database, database => database.mapping_books(run).await?);
        Ok(MappingBooks {
            migrated: row.migrated.unsigned_abs(),
            mappings: row.mappings.unsigned_abs(),
            in_force: row.in_force.unsigned_abs(),
            without_mapping: row.without_mapping.unsigned_abs(),
            without_session: row.without_session.unsigned_abs(),
            shared: shared.unsigned_abs(),
        })
    }
}
