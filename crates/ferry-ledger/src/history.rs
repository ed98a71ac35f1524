//! All that happened to one session.

use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::id::{RunId, SessionId};
use ferry_core::state::SessionState;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// A session as it stands, and how it came there. Never a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The session.
    pub session: SessionId,
    /// Its run.
    pub run: RunId,
    /// The run's name.
    pub run_name: String,
    /// Its record in the export.
    pub source_row: u64,
    /// Where it stands.
    pub state: SessionState,
    /// Why it is skipped or dead.
    pub reason: Option<String>,
    /// Stytch's `error_type` behind the reason.
    pub error_type: Option<String>,
    /// As the export names it.
    pub organization: String,
    /// The user at the legacy provider.
    pub subject: Option<String>,
    /// As the export gives it.
    pub email: Option<String>,
    /// The member's external id at Stytch.
    pub external_id: Option<String>,
    /// Attempts that counted against it since it was registered or replayed.
    pub attempts_spent: u64,
    /// Attempts of unknown outcome since then.
    pub unknown_outcomes: u64,
    /// Until when a call can be made; [`Timestamp::NEVER`] if nobody knows.
    pub token_expires_at: Timestamp,
    /// Its sealed token is there.
    pub has_token: bool,
    /// When it died, if it is dead.
    pub died_at: Option<Timestamp>,
    /// When it was put aside, if it is.
    pub discarded_at: Option<Timestamp>,
    /// When its member is looked for next, if it is parked.
    pub look_at: Option<Timestamp>,
    /// Every attempt that did not simply succeed, the oldest first.
    pub attempts: Vec<PastAttempt>,
    /// Every replay, the oldest first.
    pub replays: Vec<PastReplay>,
}

/// An attempt that did not simply succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAttempt {
    /// When it ended.
    pub ended_at: Timestamp,
    /// What happened: a failure class, or `taken_over`.
    pub outcome: String,
    /// HTTP status, Stytch's `error_type` and `request_id`, if there was a reply.
    pub http_status: Option<u16>,
    /// See [`PastAttempt::http_status`].
    pub error_type: Option<String>,
    /// See [`PastAttempt::http_status`].
    pub request_id: Option<String>,
}

/// A chance that an operator gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastReplay {
    /// The first is 1.
    pub generation: u64,
    /// When.
    pub at: Timestamp,
    /// `user@host`.
    pub who: String,
    /// What it had died of, and when.
    pub reason: String,
    /// Stytch's `error_type` behind that.
    pub error_type: Option<String>,
    /// See [`PastReplay::reason`].
    pub died_at: Timestamp,
}

#[derive(sqlx::FromRow)]
pub(crate) struct HistoryRow {
    id: i64,
    run_id: i64,
    run_name: String,
    source_row: i64,
    state: String,
    reason: Option<String>,
    error_type: Option<String>,
    organization: String,
    subject: Option<String>,
    email: Option<String>,
    external_id: Option<String>,
    attempts_spent: i64,
    unknown_outcomes: i64,
    token_expires_at: i64,
    has_token: bool,
    died_at: Option<i64>,
    discarded_at: Option<i64>,
    look_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct PastAttemptRow {
    ended_at: i64,
    outcome: String,
    http_status: Option<i64>,
    error_type: Option<String>,
    request_id: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct PastReplayRow {
    generation: i64,
    replayed_at: i64,
    who: String,
    reason: String,
    error_type: Option<String>,
    died_at: i64,
}

/// A session, its attempts, its replays: each by the session's id alone.
pub(crate) const SESSION: &str = "/* history */ SELECT s.id, s.run_id, r.name AS run_name,
         s.source_row, s.state, s.reason, s.error_type, s.organization, s.subject, s.email,
         s.external_id, s.attempts_spent, s.unknown_outcomes, s.token_expires_at,
         x.session_id IS NOT NULL AS has_token, d.died_at, d.discarded_at, d.look_at
     FROM sessions AS s JOIN runs AS r ON r.id = s.run_id
     LEFT JOIN session_secrets AS x ON x.session_id = s.id
     LEFT JOIN dead_letters AS d ON d.session_id = s.id
     WHERE s.id = $1";
pub(crate) const ATTEMPTS: &str = "/* history: attempts */ SELECT ended_at, outcome, http_status,
         error_type, request_id
     FROM attempts WHERE session_id = $1 ORDER BY fence";
pub(crate) const REPLAYS: &str = "/* history: replays */ SELECT p.generation, p.replayed_at, a.who,
         p.reason, p.error_type, p.died_at
     FROM replays AS p JOIN audit_log AS a ON a.id = p.audit_id
     WHERE p.session_id = $1 ORDER BY p.generation";

impl Ledger {
    /// All that happened to this session; `None` if there is none.
    pub async fn history(&self, session: SessionId) -> Result<Option<History>, LedgerError> {
        let found = either!(&self.database, database => database.history(session).await?);
        let Some((row, attempts, replays)) = found else {
            return Ok(None);
        };
        row.read(attempts, replays).map(Some)
    }
}

impl HistoryRow {
    fn read(
        self,
        attempts: Vec<PastAttemptRow>,
        replays: Vec<PastReplayRow>,
    ) -> Result<History, LedgerError> {
        let time = Timestamp::from_millis;
        Ok(History {
            session: SessionId(self.id),
            run: RunId(self.run_id),
            run_name: self.run_name,
            source_row: self.source_row.unsigned_abs(),
            state: SessionState::from_str(&self.state).map_err(|_| LedgerError::Inconsistent {
                table: "sessions",
                column: "state",
                row: self.id,
            })?,
            reason: self.reason,
            error_type: self.error_type,
            organization: self.organization,
            subject: self.subject,
            email: self.email,
            external_id: self.external_id,
            attempts_spent: self.attempts_spent.unsigned_abs(),
            unknown_outcomes: self.unknown_outcomes.unsigned_abs(),
            token_expires_at: time(self.token_expires_at),
            has_token: self.has_token,
            died_at: self.died_at.map(time),
            discarded_at: self.discarded_at.map(time),
            look_at: self.look_at.map(time),
            attempts: attempts.into_iter().map(PastAttemptRow::read).collect(),
            replays: replays.into_iter().map(PastReplayRow::read).collect(),
        })
    }
}

impl PastAttemptRow {
    fn read(self) -> PastAttempt {
        PastAttempt {
            ended_at: Timestamp::from_millis(self.ended_at),
            outcome: self.outcome,
            http_status: self.http_status.and_then(|status| status.try_into().ok()),
            error_type: self.error_type,
            request_id: self.request_id,
        }
    }
}

impl PastReplayRow {
    fn read(self) -> PastReplay {
        PastReplay {
            generation: self.generation.unsigned_abs(),
            at: Timestamp::from_millis(self.replayed_at),
            who: self.who,
            reason: self.reason,
            error_type: self.error_type,
            died_at: Timestamp::from_millis(self.died_at),
        }
    }
}
