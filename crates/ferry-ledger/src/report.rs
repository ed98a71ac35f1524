//! Books, failures, audit and outlook of a run.

use ferry_core::Timestamp;
use ferry_core::books::Books;
use ferry_core::forecast::Expiries;
use ferry_core::id::RunId;
use serde::Serialize;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// Sessions of a run that ended alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCount {
    /// `skipped` or `dead`.
    pub state: String,
    /// The reason's name.
    pub reason: String,
    /// Stytch's `error_type`, if it gave one.
    pub error_type: Option<String>,
    /// How many.
    pub count: u64,
    /// The record number of one of them.
    pub example_row: u64,
}

/// Attempts of unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Audit {
    /// Not looked up at Stytch yet.
    pub unresolved: u64,
    /// Whose member cannot be found.
    pub unverifiable: u64,
    /// Sessions that the sweeper revoked: twins of recorded ones.
    pub revoked: u64,
    /// Looked up once; a second look follows.
    pub second_look: u64,
}

/// What registering has counted.
#[derive(sqlx::FromRow)]
pub(crate) struct CountedRow {
    rows_read: i64,
    rejected: i64,
    duplicates: i64,
    handed_over: i64,
}

/// How many sessions stand where.
#[derive(sqlx::FromRow)]
pub(crate) struct StatesRow {
    queued: i64,
    running: i64,
    waiting: i64,
    migrated: i64,
    skipped: i64,
    dead: i64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct FailureRow {
    state: String,
    reason: String,
    error_type: Option<String>,
    count: i64,
    example: i64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct AuditRow {
    unresolved: i64,
    unverifiable: i64,
    second_look: i64,
    revoked: i64,
}

impl Ledger {
    /// The books of a run. Reads all its sessions: for a report, not for a hot loop.
    pub async fn books(&self, run: RunId) -> Result<Books, LedgerError> {
        let (counted, states) =
            either!(long &self.database, database => database.books(run).await?);
        Ok(Books {
            exported: counted.rows_read.unsigned_abs(),
            rejected: counted.rejected.unsigned_abs(),
            duplicates: counted.duplicates.unsigned_abs(),
            handed_over: counted.handed_over.unsigned_abs(),
            queued: states.queued.unsigned_abs(),
            running: states.running.unsigned_abs(),
            waiting: states.waiting.unsigned_abs(),
            migrated: states.migrated.unsigned_abs(),
            skipped: states.skipped.unsigned_abs(),
            dead: states.dead.unsigned_abs(),
        })
    }

    /// Why sessions of the run were not carried, the most frequent reason first.
    pub async fn failures(&self, run: RunId) -> Result<Vec<FailureCount>, LedgerError> {
        let rows = either!(long &self.database, database => database.failures(run).await?);
        let read = |row: FailureRow| FailureCount {
            state: row.state,
            reason: row.reason,
            error_type: row.error_type,
            count: row.count.unsigned_abs(),
            example_row: row.example.unsigned_abs(),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// What the sweeper has found, and what it still has to look up.
    pub async fn audit(&self, run: RunId) -> Result<Audit, LedgerError> {
        let row = either!(&self.database, database => database.audit(run).await?);
        Ok(Audit {
            unresolved: row.unresolved.unsigned_abs(),
            unverifiable: row.unverifiable.unsigned_abs(),
            revoked: row.revoked.unsigned_abs(),
            second_look: row.second_look.unsigned_abs(),
        })
    }
    /// When the tokens expire of the run's sessions that are not final, to the minute, rounded
    /// down. Reads all its sessions.
    pub async fn expiries(&self, run: RunId) -> Result<Expiries, LedgerError> {
        let counts = either!(long &self.database, database => database.expiries(run).await?);
        let counts = counts.into_iter().map(|(minute, count)| {
            let minute = minute.saturating_mul(60_000);
            (Timestamp::from_millis(minute), count.unsigned_abs())
        });
        Ok(Expiries::new(counts))
    }
}
