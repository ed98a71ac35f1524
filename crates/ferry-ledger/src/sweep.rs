//! Look after attempts of unknown outcome: which are to be looked up, what they may have minted,
//! what was found.

use std::collections::HashSet;
use std::str::FromStr;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{AttemptId, SessionId};
use ferry_core::reason::DeadReason;
use ferry_core::state::{SessionState, UnresolvedState};

use crate::database::either;
use crate::{Ledger, LedgerError};

/// An attempt to look up, and what is known of where.
#[derive(Debug, Clone)]
pub struct Unresolved {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its session.
    pub session: SessionId,
    /// Where the session stands now.
    pub session_state: SessionState,
    /// Why it is dead, if it is.
    pub dead_reason: Option<DeadReason>,
    /// First or second look.
    pub state: UnresolvedState,
    /// The organization as the export names it.
    pub organization: String,
    /// The email as the export gives it.
    pub email: Option<String>,
    /// `(organization id, member id)` of each member that a reply for this session or a mapping of
    /// the same person named.
    pub members: Vec<(Option<String>, String)>,
}

/// What one look at an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// The attempt.
    pub attempt: AttemptId,
    /// How many sessions were revoked for it.
    pub revoked: u32,
    /// Whether its member could be found at all.
    pub verifiable: bool,
}

#[derive(sqlx::FromRow)]
pub(crate) struct UnresolvedRow {
    attempt_id: Vec<u8>,
    pub(crate) session_id: i64,
    state: String,
    session_state: String,
    reason: Option<String>,
    pub(crate) organization: String,
    pub(crate) subject: Option<String>,
    email: Option<String>,
}

/// `(organization id, member id)`.
pub(crate) type Member = (Option<String>, String);

impl Ledger {
    /// At most `limit` attempts whose next look is due, the oldest first.
    pub async fn unresolved_due(&self, limit: u32) -> Result<Vec<Unresolved>, LedgerError> {
        let rows = either!(&self.database, database => database.unresolved_due(limit).await?);
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let members = self.members_of(&row).await?;
            due.push(row.read(members)?);
        }
        Ok(due)
    }

    /// When the next look is due, if any attempt is listed; before `now` if one is due already.
    pub async fn next_look(&self) -> Result<Option<Timestamp>, LedgerError> {
        let due = either!(&self.database, database => database.next_look().await?);
        Ok(due.map(Timestamp::from_millis))
    }

    /// Members named by the session's own mapping and by the replies to its attempts; if there are
    /// none, by a mapping of the same person in the same organization.
    async fn members_of(&self, row: &UnresolvedRow) -> Result<Vec<Member>, LedgerError> {
        let session = row.session_id;
        let named = either!(&self.database, database => database.named_members(session).await?);
        if !named.is_empty() || row.email.is_some() {
            return Ok(named);
        }
        either!(long &self.database, database => database.members_of_same_person(row).await)
    }

    /// Which of the listed sessions are to be revoked: those that carry the id of an attempt which
    /// is listed as unresolved, except the one that is recorded.
    ///
    /// Call it after Stytch's list was read: what is recorded meanwhile is then known.
    pub async fn to_revoke(
        &self,
        listed: &[(String, AttemptId)],
    ) -> Result<HashSet<String>, LedgerError> {
        let revoke = either!(&self.database, database => database.to_revoke(listed).await?);
        Ok(revoke.into_iter().collect())
    }

    /// Notes what was found. After a first look a second one follows, `second_look` later.
    ///
    /// A look that found no member does not count if a late reply has named one meanwhile.
    pub async fn looked(
        &self,
        looked: &[Looked],
        second_look: Duration,
    ) -> Result<(), LedgerError> {
        either!(&self.database, database => database.looked(looked, second_look).await)
    }

    /// Looks at these attempts again later: Stytch did not answer, or it is too early.
    pub async fn look_later(
        &self,
        attempts: &[AttemptId],
        after: Duration,
    ) -> Result<(), LedgerError> {
        either!(&self.database, database => database.look_later(attempts, after).await)
    }
}

impl UnresolvedRow {
    fn read(self, members: Vec<Member>) -> Result<Unresolved, LedgerError> {
        let wrong = |column| LedgerError::Inconsistent {
            table: "sessions",
            column,
            row: self.session_id,
        };
        let attempt = <[u8; 16]>::try_from(self.attempt_id.as_slice());
        let reason = self.reason.as_deref();
        Ok(Unresolved {
            attempt: AttemptId(attempt.map_err(|_| wrong("attempt_id"))?),
            session: SessionId(self.session_id),
            session_state: SessionState::from_str(&self.session_state)
                .map_err(|_| wrong("state"))?,
            dead_reason: reason.and_then(|reason| DeadReason::from_str(reason).ok()),
            state: UnresolvedState::from_str(&self.state).map_err(|_| wrong("state"))?,
            organization: self.organization,
            email: self.email,
            members,
        })
    }
}
