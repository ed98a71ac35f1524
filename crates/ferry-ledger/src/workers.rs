//! Who is at work, and who is gone without a word.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::WorkerId;
use sqlx::Row;

use crate::rows::json_rows;
use crate::{Ledger, LedgerError};

/// A process at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// Its id, drawn at its start.
    pub worker: WorkerId,
    /// Host and process id, for people.
    pub name: String,
    /// When it began.
    pub began_at: Timestamp,
    /// It is taken for gone after this.
    pub alive_until: Timestamp,
}

impl Ledger {
    /// Tells that the worker is at work, and will be heard of again within `term`.
    pub async fn heartbeat(
        &self,
        worker: WorkerId,
        name: &str,
        term: Duration,
    ) -> Result<(), LedgerError> {
        let now = self.now();
        sqlx::query(
            "/* heartbeat */ INSERT INTO workers (id, name, began_at, alive_until)
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET alive_until = ?4",
        )
        .bind(&worker.0[..])
        .bind(name)
        .bind(now.as_millis())
        .bind(now.plus(term).as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// These are not at work any more: they have left, or what they left behind is seen to.
    pub async fn forget_workers(&self, workers: &[WorkerId]) -> Result<(), LedgerError> {
        let ids: Vec<_> = workers.iter().map(WorkerId::to_string).collect();
        sqlx::query(
            "/* forget_workers */ DELETE FROM workers
             WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        )
        .bind(json_rows(&ids))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// All that have not left, the oldest first.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>, LedgerError> {
        let rows = sqlx::query(
            "/* workers */ SELECT id, name, began_at, alive_until FROM workers ORDER BY began_at",
        )
        .fetch_all(&self.readers)
        .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| WorkerRow {
            worker: WorkerId(
                <[u8; 16]>::try_from(row.get::<&[u8], _>(0)).expect("the schema checks its length"),
            ),
            name: row.get(1),
            began_at: Timestamp::from_millis(row.get(2)),
            alive_until: Timestamp::from_millis(row.get(3)),
        };
        Ok(rows.iter().map(read).collect())
    }
}
