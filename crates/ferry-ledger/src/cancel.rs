//! Give a run up.

use std::time::Duration;

use ferry_core::id::RunId;
use sqlx::Row;

use crate::rows::json_rows;
use crate::{Ledger, LedgerError};

/// Sessions in one commit: a cancelled run of millions holds nobody up.
const SESSIONS_PER_COMMIT: u32 = 2_000;

impl Ledger {
    /// Cancels the run: nothing of it is called any more, and what is not final is skipped as
    /// `cancelled`. Returns how many sessions were skipped. After a crash, call it again.
    ///
    /// A call that is under way ends without a record; the sweeper revokes what it mints, once its
    /// lease and `quiet` are over. What was carried stays. A finished run stays finished.
    pub async fn cancel(&self, run: RunId, quiet: Duration) -> Result<u64, LedgerError> {
        sqlx::query(
            "/* cancel */ UPDATE runs SET state = 'cancelled', pause_cause = NULL
             WHERE id = ?1 AND state <> 'finished'",
        )
        .bind(run.0)
        .execute(&self.writer)
        .await?;
        let (mut after, mut cancelled) = (i64::MIN, 0);
        loop {
            let mut transaction = self.write().await?;
            let open = sqlx::query(
                "/* cancel: open */ SELECT s.id, s.state FROM sessions AS s
                 JOIN runs AS r ON r.id = s.run_id AND r.state = 'cancelled'
                 WHERE +s.run_id = ?1 AND s.id > ?2 AND s.state IN ('queued', 'running', 'waiting')
                 ORDER BY s.id LIMIT ?3",
            )
            .bind(run.0)
            .bind(after)
            .bind(SESSIONS_PER_COMMIT)
            .fetch_all(&mut *transaction)
            .await?;
            let Some(last) = open.last() else {
                return Ok(cancelled);
            };
            after = last.get(0);
            for row in open.iter().filter(|row| row.get::<&str, _>(1) == "running") {
                self.append_taken_over(&mut transaction, row.get(0), quiet)
                    .await?;
            }
            let ids: Vec<i64> = open.iter().map(|row| row.get(0)).collect();
            let ids = json_rows(&ids);
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
                    .bind(&ids)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            cancelled += open.len() as u64;
        }
    }
}
