//! All that happened to one session.

use ferry_core::id::SessionId;

use super::SqliteLedger;
use crate::LedgerError;
use crate::history::{ATTEMPTS, HistoryRow, PastAttemptRow, PastReplayRow, REPLAYS, SESSION};

impl SqliteLedger {
    pub(crate) async fn history(
        &self,
        session: SessionId,
    ) -> Result<Option<(HistoryRow, Vec<PastAttemptRow>, Vec<PastReplayRow>)>, LedgerError> {
        let row = sqlx::query_as(SESSION).bind(session.0);
        let Some(row) = row.fetch_optional(&self.readers).await? else {
            return Ok(None);
        };
        let attempts = sqlx::query_as(ATTEMPTS).bind(session.0);
        let attempts = attempts.fetch_all(&self.readers).await?;
        let replays = sqlx::query_as(REPLAYS).bind(session.0);
        let replays = replays.fetch_all(&self.readers).await?;
        Ok(Some((row, attempts, replays)))
    }
}
