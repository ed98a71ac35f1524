//! Books, failures and audit of a run.

use ferry_core::books::Books;
use ferry_core::id::RunId;
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

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

impl Ledger {
    /// The books of a run. Reads all its sessions: for a report, not for a hot loop.
    pub async fn books(&self, run: RunId) -> Result<Books, LedgerError> {
        // One snapshot for both, or a batch registered in between unbalances them.
        let mut snapshot = self.readers.begin().await?;
        let counted = sqlx::query(
            "/* books: counted */ SELECT rows_read, rejected, duplicates, handed_over
             FROM runs WHERE id = ?1",
        )
        .bind(run.0)
        .fetch_one(&mut *snapshot)
        .await?;
        // The + keeps SQLite from walking the index and then each row apart; sums in place of a
        // GROUP BY keep it from sorting all rows.
        let states = sqlx::query(
            "/* books */ SELECT
                 COUNT(*) FILTER (WHERE state = 'queued') AS queued,
                 COUNT(*) FILTER (WHERE state = 'running') AS running,
                 COUNT(*) FILTER (WHERE state = 'waiting') AS waiting,
                 COUNT(*) FILTER (WHERE state = 'migrated') AS migrated,
                 COUNT(*) FILTER (WHERE state = 'skipped') AS skipped,
                 COUNT(*) FILTER (WHERE state = 'dead') AS dead
             FROM sessions WHERE +run_id = ?1",
        )
        .bind(run.0)
        .fetch_one(&mut *snapshot)
        .await?;
        let number = |row: &SqliteRow, column| row.get::<i64, _>(column).unsigned_abs();
        let books = Books {
            exported: number(&counted, "rows_read"),
            rejected: number(&counted, "rejected"),
            duplicates: number(&counted, "duplicates"),
            handed_over: number(&counted, "handed_over"),
            queued: number(&states, "queued"),
            running: number(&states, "running"),
            waiting: number(&states, "waiting"),
            migrated: number(&states, "migrated"),
            skipped: number(&states, "skipped"),
            dead: number(&states, "dead"),
        };
        Ok(books)
    }

    /// Why sessions of the run were not carried, the most frequent reason first.
    pub async fn failures(&self, run: RunId) -> Result<Vec<FailureCount>, LedgerError> {
        let rows = sqlx::query(
            "/* failures */ SELECT state, reason, error_type, COUNT(*) AS count,
                 MIN(source_row) AS example
             FROM sessions WHERE +run_id = ?1 AND state IN ('skipped', 'dead')
             GROUP BY state, reason, error_type ORDER BY count DESC, reason, error_type",
        )
        .bind(run.0)
        .fetch_all(&self.readers)
        .await?;
        let read = |row: &SqliteRow| FailureCount {
            state: row.get("state"),
            reason: row.get("reason"),
            error_type: row.get("error_type"),
            count: row.get::<i64, _>("count").unsigned_abs(),
            example_row: row.get::<i64, _>("example").unsigned_abs(),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// What the sweeper has found, and what it still has to look up.
    pub async fn audit(&self, run: RunId) -> Result<Audit, LedgerError> {
        let row = sqlx::query(
            "/* audit */ SELECT
                 COUNT(*) FILTER (WHERE state = 'unresolved') AS unresolved,
                 COUNT(*) FILTER (WHERE state = 'unverifiable') AS unverifiable,
                 COUNT(*) FILTER (WHERE state = 'swept') AS second_look,
                 COALESCE(SUM(revoked), 0) AS revoked
             FROM unresolved_attempts WHERE run_id = ?1",
        )
        .bind(run.0)
        .fetch_one(&self.readers)
        .await?;
        let number = |column| row.get::<i64, _>(column).unsigned_abs();
        Ok(Audit {
            unresolved: number("unresolved"),
            unverifiable: number("unverifiable"),
            revoked: number("revoked"),
            second_look: number("second_look"),
        })
    }
}
