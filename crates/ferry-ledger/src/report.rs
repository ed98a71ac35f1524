//! Books, failures and audit of a run.

use ferry_core::books::Books;
use ferry_core::id::RunId;
use serde::Serialize;
use sqlx::Row;

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
        // The + keeps SQLite from walking the index and then each row apart.
        let states = sqlx::query(
            "/* books */ SELECT state, COUNT(*) FROM sessions WHERE +run_id = ?1 GROUP BY state",
        )
        .bind(run.0)
        .fetch_all(&mut *snapshot)
        .await?;
        let number = |column| counted.get::<i64, _>(column).unsigned_abs();
        let mut books = Books {
            exported: number("rows_read"),
            rejected: number("rejected"),
            duplicates: number("duplicates"),
            handed_over: number("handed_over"),
            ..Books::default()
        };
        for row in states {
            let count = row.get::<i64, _>(1).unsigned_abs();
            match row.get::<&str, _>(0) {
                "queued" => books.queued = count,
                "running" => books.running = count,
                "waiting" => books.waiting = count,
                "migrated" => books.migrated = count,
                "skipped" => books.skipped = count,
                _ => books.dead = count,
            }
        }
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
        let read = |row: &sqlx::sqlite::SqliteRow| FailureCount {
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
