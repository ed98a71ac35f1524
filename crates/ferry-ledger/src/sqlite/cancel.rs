//! Give a run up.

use std::time::Duration;

use ferry_core::id::RunId;

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;

impl SqliteLedger {
    pub(crate) async fn cancel_run(&self, run: RunId) -> Result<(), LedgerError> {
        sqlx::query(
            "/* cancel */ UPDATE runs SET state = 'cancelled', pause_cause = NULL
             WHERE id = ?1 AND state <> 'finished'",
        )
        .bind(run.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

impl SqliteChange {
    /// Sessions of the run that are not final, in the order of their ids, if it is cancelled.
    pub(crate) async fn open_of_cancelled(
        &mut self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<i64>, LedgerError> {
        let open = sqlx::query_scalar(
            "/* cancel: open */ SELECT s.id FROM sessions AS s
             JOIN runs AS r ON r.id = s.run_id AND r.state = 'cancelled'
             WHERE +s.run_id = ?1 AND s.id > ?2 AND s.state IN ('queued', 'running', 'waiting')
             ORDER BY s.id LIMIT ?3",
        )
        .bind(run.0)
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(open)
    }

    pub(crate) async fn skip_cancelled(
        &mut self,
        sessions: &[i64],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        for session in sessions {
            self.append_taken_over(*session, quiet).await?;
        }
        for statement in [
            "/* cancel: skip */ UPDATE sessions SET state = 'skipped', reason = 'cancelled',
                 fence = fence + 1, attempt_id = NULL, lease_until = NULL
             WHERE id IN (SELECT value FROM json_each(?1))",
            "/* cancel: forget */ DELETE FROM waiting
             WHERE session_id IN (SELECT value FROM json_each(?1))",
            "/* cancel: wipe */ DELETE FROM session_secrets
             WHERE session_id IN (SELECT value FROM json_each(?1))",
        ] {
            sqlx::query(statement)
                .bind(json_rows(sessions))
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }
}
