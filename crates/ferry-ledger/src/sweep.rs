//! Look after attempts of unknown outcome: which are to be looked up, what they may have minted,
//! what was found.

use std::collections::HashSet;
use std::str::FromStr;
use std::time::Duration;

use ferry_core::id::{AttemptId, SessionId};
use ferry_core::reason::DeadReason;
use ferry_core::state::{SessionState, UnresolvedState};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::rows::json_rows;
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

impl Ledger {
    /// At most `limit` attempts whose next look is due, the oldest first.
    pub async fn unresolved_due(&self, limit: u32) -> Result<Vec<Unresolved>, LedgerError> {
        let rows = sqlx::query(
            "/* sweep: due */ SELECT u.attempt_id, u.session_id, u.state,
                 s.state AS session_state, s.reason, s.organization, s.subject, s.email
             FROM unresolved_attempts AS u JOIN sessions AS s ON s.id = u.session_id
             WHERE u.state IN ('unresolved', 'swept') AND u.due_at <= ?1
             ORDER BY u.state DESC, u.due_at LIMIT ?2",
        )
        .bind(self.now().as_millis())
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let members = self.members_of(&row).await?;
            due.push(read(&row, members)?);
        }
        Ok(due)
    }

    /// When the next look is due, if any attempt is listed; before `now` if one is due already.
    pub async fn next_look(&self) -> Result<Option<ferry_core::Timestamp>, LedgerError> {
        let due: Option<i64> = sqlx::query_scalar(
            "/* sweep: next */ SELECT MIN(due_at) FROM unresolved_attempts
             WHERE state IN ('unresolved', 'swept')",
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(due.map(ferry_core::Timestamp::from_millis))
    }

    /// Members named by the session's own mapping and by the replies to its attempts; if there are
    /// none, by a mapping of the same person in the same organization.
    async fn members_of(
        &self,
        row: &SqliteRow,
    ) -> Result<Vec<(Option<String>, String)>, LedgerError> {
        let named: Vec<(Option<String>, String)> = sqlx::query_as(
            "/* sweep: members */ SELECT organization_id, member_id FROM mappings
             WHERE session_id = ?1
             UNION SELECT organization_id, member_id FROM unresolved_attempts
             WHERE session_id = ?1 AND member_id IS NOT NULL",
        )
        .bind(row.get::<i64, _>("session_id"))
        .fetch_all(&self.readers)
        .await?;
        let email: Option<&str> = row.get("email");
        if !named.is_empty() || email.is_some() {
            return Ok(named);
        }
        // Reads the whole table: only for rows that name neither member nor email.
        let same_person = sqlx::query_as(
            "/* sweep: same person */ SELECT DISTINCT m.organization_id, m.member_id
             FROM sessions AS s JOIN mappings AS m ON m.session_id = s.id
             WHERE s.subject = ?1 AND s.organization = ?2",
        )
        .bind(row.get::<Option<&str>, _>("subject"))
        .bind(row.get::<&str, _>("organization"))
        .fetch_all(&self.readers)
        .await?;
        Ok(same_person)
    }

    /// Which of the listed sessions are to be revoked: those that carry the id of an attempt which
    /// is listed as unresolved, except the one that is recorded.
    ///
    /// Call it after Stytch's list was read: what is recorded meanwhile is then known.
    pub async fn to_revoke(
        &self,
        listed: &[(String, AttemptId)],
    ) -> Result<HashSet<String>, LedgerError> {
        let rows: Vec<_> = listed
            .iter()
            .map(|(session, attempt)| (session, attempt.to_string()))
            .collect();
        let revoke = sqlx::query_scalar(
            "/* sweep: to revoke */ SELECT j.value ->> 0 FROM json_each(?1) AS j
             JOIN unresolved_attempts AS u ON u.attempt_id = unhex(j.value ->> 1)
             JOIN sessions AS s ON s.id = u.session_id
             LEFT JOIN mappings AS m ON m.session_id = s.id
             WHERE m.member_session_id IS NULL OR m.member_session_id <> j.value ->> 0",
        )
        .bind(json_rows(&rows))
        .fetch_all(&self.readers)
        .await?;
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
        let rows: Vec<_> = looked
            .iter()
            .map(|l| (l.attempt.to_string(), l.revoked, u8::from(l.verifiable)))
            .collect();
        sqlx::query(
            "/* sweep: looked */ UPDATE unresolved_attempts SET
                 state = CASE WHEN NOT j.value ->> 2 THEN 'unverifiable'
                     WHEN unresolved_attempts.state = 'unresolved' THEN 'swept' ELSE 'closed' END,
                 revoked = revoked + (j.value ->> 1), due_at = ?2
             FROM json_each(?1) AS j WHERE attempt_id = unhex(j.value ->> 0)
                 AND (j.value ->> 2 OR member_id IS NULL)",
        )
        .bind(json_rows(&rows))
        .bind(self.now().plus(second_look).as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Looks at these attempts again later: Stytch did not answer, or it is too early.
    pub async fn look_later(
        &self,
        attempts: &[AttemptId],
        after: Duration,
    ) -> Result<(), LedgerError> {
        let ids: Vec<_> = attempts.iter().map(AttemptId::to_string).collect();
        sqlx::query(
            "/* sweep: later */ UPDATE unresolved_attempts SET due_at = ?2
             WHERE attempt_id IN (SELECT unhex(value) FROM json_each(?1))",
        )
        .bind(json_rows(&ids))
        .bind(self.now().plus(after).as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// In the transaction that takes a session from the holder of its lease: the attempt goes into
    /// the history and on the sweeper's list. Its holder may not know yet and call as long as the
    /// lease lasts, so the quiet time counts from the lease's end.
    pub(crate) async fn append_taken_over(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        session: i64,
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        let now = self.now();
        sqlx::query(
            "/* take over: history */ INSERT INTO attempts (id, session_id, run_id, fence, ended_at,
                 outcome)
             SELECT attempt_id, id, run_id, fence, ?2, 'taken_over' FROM sessions
             WHERE id = ?1 AND state = 'running'",
        )
        .bind(session)
        .bind(now.as_millis())
        .execute(&mut **transaction)
        .await?;
        sqlx::query(
            "/* take over: unresolved */ INSERT INTO unresolved_attempts (attempt_id, session_id,
                 run_id, state, due_at)
             SELECT attempt_id, id, run_id, 'unresolved', MAX(lease_until, ?2) + ?3 FROM sessions
             WHERE id = ?1 AND state = 'running'",
        )
        .bind(session)
        .bind(now.as_millis())
        .bind(i64::try_from(quiet.as_millis()).unwrap_or(i64::MAX))
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}

fn read(
    row: &SqliteRow,
    members: Vec<(Option<String>, String)>,
) -> Result<Unresolved, LedgerError> {
    let session: i64 = row.get("session_id");
    let wrong = |column| LedgerError::Inconsistent {
        table: "sessions",
        column,
        row: session,
    };
    let attempt = <[u8; 16]>::try_from(row.get::<&[u8], _>("attempt_id"));
    let reason: Option<&str> = row.get("reason");
    Ok(Unresolved {
        attempt: AttemptId(attempt.map_err(|_| wrong("attempt_id"))?),
        session: SessionId(session),
        session_state: SessionState::from_str(row.get("session_state"))
            .map_err(|_| wrong("state"))?,
        dead_reason: reason.and_then(|reason| DeadReason::from_str(reason).ok()),
        state: UnresolvedState::from_str(row.get("state")).map_err(|_| wrong("state"))?,
        organization: row.get("organization"),
        email: row.get("email"),
        members,
    })
}
