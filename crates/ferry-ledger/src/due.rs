//! Which sessions to call next: soonest to expire first.

use ferry_core::Timestamp;
use ferry_core::id::{RunId, SessionId};
use sqlx::Row;

use crate::{Ledger, LedgerError};

/// How far the dispatcher has come through a run. A fresh one begins at the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueCursor {
    /// Behind this `(token_expires_at, id)`, for sessions that are queued or left behind.
    queued: (i64, i64),
    /// Behind this `(due_at, id)`, for sessions that wait.
    waiting: (i64, i64),
}

/// A session that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The session.
    pub session: SessionId,
    /// It was tried before, and waited. Else it is queued, or was left behind.
    pub waiting: bool,
    /// When its waiting was over; else when its token expires.
    pub urgent_at: Timestamp,
}

impl Default for DueCursor {
    fn default() -> Self {
        Self {
            queued: (i64::MIN, i64::MIN),
            waiting: (i64::MIN, i64::MIN),
        }
    }
}

impl Ledger {
    /// At most `limit` sessions of `run` that are due and lie behind the cursor, which moves on.
    /// Nothing is written: the claim decides.
    pub async fn due(
        &self,
        run: RunId,
        cursor: &mut DueCursor,
        limit: u32,
    ) -> Result<Vec<Due>, LedgerError> {
        let now = self.now().as_millis();
        // What waits was begun before what is queued: it goes first.
        let waiting = sqlx::query(
            "/* due: waiting */ SELECT due_at, session_id FROM waiting
             WHERE run_id = ?1 AND due_at <= ?2 AND (due_at, session_id) > (?3, ?4)
             ORDER BY due_at, session_id LIMIT ?5",
        )
        .bind(run.0)
        .bind(now)
        .bind(cursor.waiting.0)
        .bind(cursor.waiting.1)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let left = limit.saturating_sub(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        let queued = sqlx::query(
            "/* due: queued */ SELECT token_expires_at, id FROM sessions INDEXED BY sessions_by_urgency
             WHERE run_id = ?1 AND (token_expires_at, id) > (?3, ?4)
               AND (state = 'queued' OR (state = 'running' AND lease_until <= ?2))
             ORDER BY token_expires_at, id LIMIT ?5",
        )
        .bind(run.0)
        .bind(now)
        .bind(cursor.queued.0)
        .bind(cursor.queued.1)
        .bind(left)
        .fetch_all(&self.readers)
        .await?;
        let place = |row: &sqlx::sqlite::SqliteRow| (row.get(0), row.get(1));
        cursor.waiting = waiting.last().map_or(cursor.waiting, place);
        cursor.queued = queued.last().map_or(cursor.queued, place);
        let due = |rows: Vec<sqlx::sqlite::SqliteRow>, waiting| {
            rows.into_iter().map(move |row| Due {
                session: SessionId(row.get(1)),
                waiting,
                urgent_at: Timestamp::from_millis(row.get(0)),
            })
        };
        Ok(due(waiting, true).chain(due(queued, false)).collect())
    }

    /// Skips the run's sessions whose token has expired before their turn, except those under a
    /// lease. Returns how many.
    ///
    /// They are the head of the order, so this reads no further than it must; `since` is when it
    /// was called last, for what expired before that is done.
    pub async fn expire(&self, run: RunId, since: Timestamp) -> Result<u64, LedgerError> {
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
        let mut transaction = self.write().await?;
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
