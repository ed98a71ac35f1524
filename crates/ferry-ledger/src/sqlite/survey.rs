//! How all runs stand, for metrics.

use super::SqliteLedger;
use crate::LedgerError;
use crate::survey::Surveyed;

impl SqliteLedger {
    pub(crate) async fn survey(&self) -> Result<Surveyed, LedgerError> {
        // One snapshot for all, or the books do not balance.
        let mut snapshot = self.readers.begin().await?;
        let now = self.now().as_millis();
        let runs = sqlx::query_as(
            "/* survey: runs */ SELECT id, name, state, pause_cause, rows_read, rejected, duplicates,
                 handed_over
             FROM runs ORDER BY id DESC",
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let sessions = sqlx::query_as(
            "/* survey: sessions */ SELECT run_id, state, reason,
                 CASE WHEN state IN ('queued', 'waiting', 'running')
                     THEN token_expires_at / 60000 END AS minute,
                 COUNT(*) AS count
             FROM sessions GROUP BY +run_id, state, reason, minute",
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let due = sqlx::query_as(
            "/* survey: due */ SELECT run_id, COUNT(*), MIN(due_at) FROM waiting
             WHERE due_at <= ?1 GROUP BY run_id",
        )
        .bind(now)
        .fetch_all(&mut *snapshot)
        .await?;
        let unresolved = sqlx::query_as(
            "/* survey: unresolved */ SELECT run_id, state, COUNT(*) FROM unresolved_attempts
             GROUP BY run_id, state",
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let mappings = sqlx::query_as(
            "/* survey: mappings */ SELECT state, COUNT(*) FROM mappings GROUP BY state",
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let sweep_due_since = sqlx::query_scalar(
            "/* survey: sweep */ SELECT MIN(due_at) FROM unresolved_attempts
             WHERE state IN ('unresolved', 'swept') AND due_at <= ?1",
        )
        .bind(now)
        .fetch_one(&mut *snapshot)
        .await?;
        let workers = sqlx::query_scalar(
            "/* survey: workers */ SELECT COUNT(*) FROM workers WHERE alive_until > ?1",
        )
        .bind(now)
        .fetch_one(&mut *snapshot)
        .await?;
        Ok(Surveyed {
            now,
            runs,
            sessions,
            due,
            unresolved,
            mappings,
            sweep_due_since,
            workers,
        })
    }
}
