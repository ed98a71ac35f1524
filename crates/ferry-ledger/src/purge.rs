//! Wipe what is kept for no good any more.

use ferry_core::Timestamp;
use serde::Serialize;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// Rows of one commit: short enough that nobody waits for it.
const BATCH: u32 = 1_000;

/// What is old enough to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Access tokens of sessions that died before this; those that have expired go in any case.
    pub died_before: Timestamp,
    /// Tokens of Stytch sessions that ended before this.
    pub ended_before: Timestamp,
}

/// How much of it there is, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Purged {
    /// Sealed access tokens of dead sessions.
    pub tokens: u64,
    /// Sealed tokens of Stytch sessions that are over.
    pub mappings: u64,
}

impl Ledger {
    /// What [`Ledger::purge`] would wipe. Reads all tokens and mappings.
    pub async fn purgeable(&self, retention: &Retention) -> Result<Purged, LedgerError> {
        let now = self.now();
        let (tokens, mappings) = either!(long &self.database, database => {
            database.purgeable(retention, now).await?
        });
        Ok(Purged {
            tokens: tokens.unsigned_abs(),
            mappings: mappings.unsigned_abs(),
        })
    }

    /// Wipes one batch of it; returns how much that was: nothing once all is done.
    ///
    /// Of a mapping its token goes, and it is `expired`. Stytch's ids stay, so that there is one
    /// mapping for each migrated session, and the sweeper finds its member.
    pub async fn purge(&self, retention: &Retention) -> Result<Purged, LedgerError> {
        let now = self.now();
        let mut change = self.write().await?;
        let (tokens, mappings) = either!(&mut change, change => {
            (
                change.purge_tokens(retention, now, BATCH).await?,
                change.purge_mappings(retention, BATCH).await?,
            )
        });
        change.commit().await?;
        Ok(Purged { tokens, mappings })
    }
}
