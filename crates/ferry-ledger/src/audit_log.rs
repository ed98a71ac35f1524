//! What operators did: who, when, what, to how many.

use std::str::FromStr;

use ferry_core::Timestamp;
use strum::{Display, EnumString, IntoStaticStr};

use crate::database::either;
use crate::{Ledger, LedgerError};

/// Something that an operator can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    /// Stop calling a run's sessions.
    Pause,
    /// Go on with a run.
    Resume,
    /// Give a run up.
    Cancel,
    /// Give dead sessions another chance.
    Replay,
    /// Let dead sessions go again by themselves, once their member exists.
    Park,
    /// Not any more.
    Unpark,
    /// Put dead sessions aside.
    Discard,
    /// Write dead sessions, with emails, into a file.
    Export,
    /// Put the broker's dead-letter queue right.
    Sync,
    /// Write a foreign message into a file.
    SaveForeign,
    /// Throw a foreign message away.
    DiscardForeign,
    /// Write mappings into a file, without tokens.
    ExportMappings,
    /// Show or write Stytch session tokens.
    RevealTokens,
    /// Wipe what is past its retention.
    Purge,
}

/// Names a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeedId(pub(crate) i64);

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Its id.
    pub id: DeedId,
    /// When it was begun.
    pub at: Timestamp,
    /// `user@host`.
    pub who: String,
    /// The name of an [`Action`], or one that a newer version wrote.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// To how many sessions or messages.
    pub affected: u64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct DeedRow {
    id: i64,
    at: i64,
    who: String,
    action: String,
    subject: String,
    affected: i64,
}

impl std::fmt::Display for DeedId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Deed {
    /// What was done; `None` if a newer version did it.
    pub fn action(&self) -> Option<Action> {
        Action::from_str(&self.action).ok()
    }
}

impl Ledger {
    /// Notes what `who` does, to `affected` sessions so far.
    pub async fn note_deed(
        &self,
        who: &str,
        action: Action,
        subject: &str,
        affected: u64,
    ) -> Result<DeedId, LedgerError> {
        let affected = crate::register::signed(affected);
        let action = action.into();
        let id = either!(&self.database, database => {
            database.note_deed(who, action, subject, affected).await?
        });
        Ok(DeedId(id))
    }

    /// The deed was done to so many more.
    pub async fn extend_deed(&self, deed: DeedId, affected: u64) -> Result<(), LedgerError> {
        let affected = crate::register::signed(affected);
        either!(&self.database, database => database.extend_deed(deed, affected).await)
    }

    /// At most `limit` deeds, the newest first, from before `before`.
    pub async fn deeds(
        &self,
        before: Option<DeedId>,
        limit: u32,
    ) -> Result<Vec<Deed>, LedgerError> {
        let before = before.map_or(i64::MAX, |deed| deed.0);
        let rows = either!(&self.database, database => database.deeds(before, limit).await?);
        let read = |row: DeedRow| Deed {
            id: DeedId(row.id),
            at: Timestamp::from_millis(row.at),
            who: row.who,
            action: row.action,
            subject: row.subject,
            affected: row.affected.unsigned_abs(),
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
