//! Give a run up.

use std::time::Duration;

use ferry_core::id::RunId;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;

impl PostgresLedger {
    pub(crate) async fn cancel_run(&self, run: RunId) -> Result<(), LedgerError> {
        sqlx::query(
            "/* cancel */ UPDATE runs SET state = 'cancelled', pause_cause = NULL
             WHERE id = $1 AND state <> 'finished'",
        )
        .bind(run.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

impl PostgresChange {
    /// Sessions of the run that are not final, in the order of their ids, if it is cancelled. They
    /// are kept until the end: whoever claims one at this moment is waited for.
    pub(crate) async fn open_of_cancelled(
        &mut self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<i64>, LedgerError> {
        let open = sqlx::query_scalar(
            "/* cancel: open */ SELECT s.id FROM sessions AS s
             WHERE s.run_id = $1 AND s.id > $2 AND s.state IN ('queued', 'running', 'waiting')
               AND EXISTS (SELECT 1 FROM runs WHERE id = $1 AND state = 'cancelled')
             ORDER BY s.id LIMIT $3 FOR UPDATE OF s",
        )
        .bind(run.0)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(open)
    }

    pub(crate) async fn skip_cancelled(
        &mut self,
        sessions: &[i64],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        self.append_taken_over(sessions, quiet).await?;
        sqlx::query(
            "/* cancel: skip */ WITH waits AS (DELETE FROM waiting WHERE session_id = ANY($1)),
             secrets AS (DELETE FROM session_secrets WHERE session_id = ANY($1))
             UPDATE sessions SET state = 'skipped', reason = 'cancelled', fence = fence + 1,
                 attempt_id = NULL, lease_until = NULL WHERE id = ANY($1)",
        )
        .bind(sessions)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
