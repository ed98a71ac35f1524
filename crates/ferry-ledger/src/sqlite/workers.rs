//! Who is at work, and who is gone without a word.

use std::time::Duration;

use ferry_core::id::WorkerId;

use super::SqliteLedger;
use super::rows::json_rows;
use crate::LedgerError;
use crate::workers::StoredWorker;

impl SqliteLedger {
    pub(crate) async fn heartbeat(
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

    pub(crate) async fn forget_workers(&self, workers: &[WorkerId]) -> Result<(), LedgerError> {
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

    pub(crate) async fn workers(&self) -> Result<Vec<StoredWorker>, LedgerError> {
        let workers = sqlx::query_as(
            "/* workers */ SELECT id, name, began_at, alive_until FROM workers ORDER BY began_at",
        );
        Ok(workers.fetch_all(&self.readers).await?)
    }
}
