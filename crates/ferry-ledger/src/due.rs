//! Which sessions to call next: soonest to expire first.

use ferry_core::Timestamp;
use ferry_core::id::{RunId, SessionId};

use crate::database::either;
use crate::{Ledger, LedgerError};

/// How far the dispatcher has come through a run. A fresh one begins at the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueCursor {
    /// Behind this `(token_expires_at, id)`, for sessions that are queued or left behind.
    pub(crate) queued: (i64, i64),
    /// Behind this `(due_at, id)`, for sessions that wait.
    pub(crate) waiting: (i64, i64),
}

/// A session that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The session.
    pub session: SessionId,
    /// What the order goes by: when its wait ended, or when its token expires.
    pub urgent_at: Timestamp,
    /// It has waited. What waits was begun before what is queued, or was promised a turn, and goes
    /// first.
    pub waiting: bool,
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
    /// At most `limit` sessions of `run` that are due and lie behind the cursor, which moves on:
    /// first those that waited, then those that did not, each in the order of [`Due::urgent_at`].
    /// Nothing is written: the claim decides.
    pub async fn due(
        &self,
        run: RunId,
        cursor: &mut DueCursor,
        limit: u32,
    ) -> Result<Vec<Due>, LedgerError> {
        let waiting =
            either!(&self.database, database => database.due_waiting(run, *cursor, limit).await?);
        let left = limit.saturating_sub(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        let queued =
            either!(&self.database, database => database.due_queued(run, *cursor, left).await?);
        cursor.waiting = waiting.last().copied().unwrap_or(cursor.waiting);
        cursor.queued = queued.last().copied().unwrap_or(cursor.queued);
        let due = |waiting| {
            move |(urgent_at, session)| Due {
                session: SessionId(session),
                urgent_at: Timestamp::from_millis(urgent_at),
                waiting,
            }
        };
        let waiting = waiting.into_iter().map(due(true));
        Ok(waiting.chain(queued.into_iter().map(due(false))).collect())
    }

    /// Skips the run's sessions whose token has expired before their turn, except those under a
    /// lease. Returns how many.
    ///
    /// They are the head of the order, so this reads no further than it must; `since` is when it
    /// was called last, for what expired before that is done.
    pub async fn expire(&self, run: RunId, since: Timestamp) -> Result<u64, LedgerError> {
        either!(long &self.database, database => database.expire(run, since).await)
    }
}
