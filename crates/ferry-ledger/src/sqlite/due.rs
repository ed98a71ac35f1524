//! Which sessions to call next.

use ferry_core::Timestamp;
use ferry_core::id::RunId;

use super::SqliteLedger;
use crate::LedgerError;
use crate::due::DueCursor;

impl SqliteLedger {
    pub(crate) async fn due_waiting(
        &self,
        run: RunId,
        behind: DueCursor,
        limit: u32,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let waiting = sqlx::query_as(
            "/* due: waiting */ SELECT due_at, session_id FROM waiting
             WHERE run_id = ?1 AND due_at <= ?2 AND (due_at, session_id) > (?3, ?4)
             ORDER BY due_at, session_id LIMIT ?5",
        )
        .bind(run.0)
        .bind(self.now().as_millis())
        .bind(behind.waiting.0)
        .bind(behind.waiting.1)
        .bind(limit);
        Ok(waiting.fetch_all(&self.readers).await?)
    }

    pub(crate) async fn due_queued(
        &self,
        run: RunId,
        behind: DueCursor,
        limit: u32,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let queued = sqlx::query_as(
            "/* due: queued */ SELECT token_expires_at, id FROM sessions INDEXED BY sessions_by_urgency
             WHERE run_id = ?1 AND (token_expires_at, id) > (?3, ?4)
               AND (state = 'queued' OR (state = 'running' AND lease_until <= ?2))
             ORDER BY token_expires_at, id LIMIT ?5",
        )
        .bind(run.0)
        .bind(self.now().as_millis())
        .bind(behind.queued.0)
        .bind(behind.queued.1)
        .bind(limit);
        Ok(queued.fetch_all(&self.readers).await?)
    }

    pub(crate) async fn expire(&self, run: RunId, since: Timestamp) -> Result<u64, LedgerError> {
        const EXPIRED: &str = "run_id = ?1 AND token_expires_at > ?2 AND token_expires_at <= ?3
             AND state IN ('queued', 'waiting')";
        let now = self.now().as_millis();
        let any: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "/* expire: any? */ SELECT EXISTS (SELECT 1 FROM sessions
             INDEXED BY sessions_by_urgency WHERE {EXPIRED})"
        )))
        .bind(run.0)
        .bind(since.as_millis())
        .bind(now)
        .fetch_one(&self.readers)
        .await?;
        if !any {
            return Ok(0);
        }
        let mut transaction = self.write().await?.transaction;
        for forget in ["session_secrets", "waiting"] {
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "/* expire: forget */ DELETE FROM {forget} WHERE session_id IN (
                 SELECT id FROM sessions INDEXED BY sessions_by_urgency WHERE {EXPIRED})"
            )))
            .bind(run.0)
            .bind(since.as_millis())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        let done = sqlx::query(sqlx::AssertSqlSafe(format!(
            "/* expire */ UPDATE sessions INDEXED BY sessions_by_urgency
             SET state = 'skipped', reason = 'expired' WHERE {EXPIRED}"
        )))
        .bind(run.0)
        .bind(since.as_millis())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }
}
