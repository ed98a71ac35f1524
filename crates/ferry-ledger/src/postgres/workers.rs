//! Who is at work, and who is gone without a word.

use std::time::Duration;

use ferry_core::id::WorkerId;

use super::PostgresLedger;
use crate::LedgerError;
use crate::register::milliseconds;
use crate::workers::StoredWorker;

impl PostgresLedger {
    pub(crate) async fn heartbeat(
        &self,
        worker: WorkerId,
        name: &str,
        term: Duration,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "/* heartbeat */ INSERT INTO workers (id, name, began_at, alive_until)
             VALUES ($1, $2, ferry_now(), ferry_now() + $3)
             ON CONFLICT (id) DO UPDATE SET alive_until = ferry_now() + $3",
        )
        .bind(&worker.0[..])
        .bind(name)
        .bind(milliseconds(term))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(crate) async fn forget_workers(&self, workers: &[WorkerId]) -> Result<(), LedgerError> {
        let ids: Vec<_> = workers.iter().map(|worker| &worker.0[..]).collect();
        sqlx::query("/* forget_workers */ DELETE FROM workers WHERE id = ANY($1)")
            .bind(ids)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(crate) async fn workers(&self) -> Result<Vec<StoredWorker>, LedgerError> {
        let workers = sqlx::query_as(
            "/* workers */ SELECT id, name, began_at, alive_until FROM workers ORDER BY began_at",
        );
        Ok(workers.fetch_all(&self.pool).await?)
    }
}
