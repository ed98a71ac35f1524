//! Which sessions to call next.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::RunId;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;
use crate::due::DueCursor;
use crate::register::milliseconds;

/// How many sessions are skipped in one commit, so that a long queue of dead tokens locks few rows
/// at a time.
const EXPIRED_PER_COMMIT: i64 = 5000;

/// `since` comes from [`crate::Ledger::now`], which may be ahead of the server's clock by a round
/// trip. What expired in between is looked at twice.
const AHEAD: Duration = Duration::from_mins(1);

impl PostgresLedger {
    pub(crate) async fn due_waiting(
        &self,
        run: RunId,
        behind: DueCursor,
        limit: u32,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let waiting = sqlx::query_as(
            "/* due: waiting */ SELECT due_at, session_id FROM waiting
             WHERE run_id = $1 AND due_at <= (SELECT ferry_now()) AND (due_at, session_id) > ($2, $3)
             ORDER BY due_at, session_id LIMIT $4",
        )
        .bind(run.0)
        .bind(behind.waiting.0)
        .bind(behind.waiting.1)
        .bind(i64::from(limit));
        Ok(waiting.fetch_all(&self.pool).await?)
    }

    pub(crate) async fn due_queued(
        &self,
        run: RunId,
        behind: DueCursor,
        limit: u32,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let queued = sqlx::query_as(
            "/* due: queued */ SELECT token_expires_at, id FROM sessions
             WHERE run_id = $1 AND (token_expires_at, id) > ($2, $3)
               AND (state = 'queued'
                 OR (state = 'running' AND lease_until <= (SELECT ferry_now())))
             ORDER BY token_expires_at, id LIMIT $4",
        )
        .bind(run.0)
        .bind(behind.queued.0)
        .bind(behind.queued.1)
        .bind(i64::from(limit));
        Ok(queued.fetch_all(&self.pool).await?)
    }

    pub(crate) async fn expire(&self, run: RunId, since: Timestamp) -> Result<u64, LedgerError> {
        let mut behind = (
            since.as_millis().saturating_sub(milliseconds(AHEAD)),
            i64::MAX,
        );
        let mut expired = 0;
        loop {
            let rows: Vec<(i64, i64)> = sqlx::query_as(
                "/* expire: look */ SELECT token_expires_at, id FROM sessions
                 WHERE run_id = $1 AND (token_expires_at, id) > ($2, $3)
                   AND token_expires_at <= (SELECT ferry_now()) AND state IN ('queued', 'waiting')
                 ORDER BY token_expires_at, id LIMIT $4",
            )
            .bind(run.0)
            .bind(behind.0)
            .bind(behind.1)
            .bind(EXPIRED_PER_COMMIT)
            .fetch_all(&self.pool)
            .await?;
            let Some(last) = rows.last() else {
                return Ok(expired);
            };
            behind = *last;
            let ids: Vec<_> = rows.iter().map(|(_, id)| *id).collect();
            let mut change = self.write().await?;
            expired += change.skip_expired(run, &ids).await?;
            change.transaction.commit().await?;
        }
    }
}

impl PostgresChange {
    /// Those that still are the run's, not under a lease, and expired: a newer token may have come.
    async fn skip_expired(&mut self, run: RunId, ids: &[i64]) -> Result<u64, LedgerError> {
        self.lock(ids).await?;
        let expired: i64 = sqlx::query_scalar(
            "/* expire */ WITH skipped AS (
                 UPDATE sessions SET state = 'skipped', reason = 'expired'
                 WHERE id = ANY($2) AND run_id = $1 AND state IN ('queued', 'waiting')
                   AND token_expires_at <= (SELECT ferry_now())
                 RETURNING id),
             wiped AS (DELETE FROM session_secrets USING skipped WHERE session_id = id),
             forgotten AS (DELETE FROM waiting USING skipped WHERE session_id = id)
             SELECT COUNT(*) FROM skipped",
        )
        .bind(run.0)
        .bind(ids)
        .fetch_one(&mut *self.transaction)
        .await?;
        Ok(expired.unsigned_abs())
    }
}
