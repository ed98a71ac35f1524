//! Look after attempts of unknown outcome.

use std::time::Duration;

use ferry_core::id::AttemptId;

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;
use crate::sweep::{Looked, Member, UnresolvedRow};

impl SqliteLedger {
    pub(crate) async fn unresolved_due(
        &self,
        limit: u32,
    ) -> Result<Vec<UnresolvedRow>, LedgerError> {
        let rows = sqlx::query_as(
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
        Ok(rows)
    }

    pub(crate) async fn next_look(&self) -> Result<Option<i64>, LedgerError> {
        let due = sqlx::query_scalar(
            "/* sweep: next */ SELECT MIN(due_at) FROM unresolved_attempts
             WHERE state IN ('unresolved', 'swept')",
        );
        Ok(due.fetch_one(&self.readers).await?)
    }

    /// Named by the session's own mapping or by a reply to one of its attempts.
    pub(crate) async fn named_members(&self, session: i64) -> Result<Vec<Member>, LedgerError> {
        let named = sqlx::query_as(
            "/* sweep: members */ SELECT organization_id, member_id FROM mappings
             WHERE session_id = ?1
             UNION SELECT organization_id, member_id FROM unresolved_attempts
             WHERE session_id = ?1 AND member_id IS NOT NULL",
        );
        Ok(named.bind(session).fetch_all(&self.readers).await?)
    }

    /// Reads the whole table: only for rows that name neither member nor email.
    pub(crate) async fn members_of_same_person(
        &self,
        row: &UnresolvedRow,
    ) -> Result<Vec<Member>, LedgerError> {
        let same_person = sqlx::query_as(
            "/* sweep: same person */ SELECT DISTINCT m.organization_id, m.member_id
             FROM sessions AS s JOIN mappings AS m ON m.session_id = s.id
             WHERE s.subject = ?1 AND s.organization = ?2",
        )
        .bind(&row.subject)
        .bind(&row.organization)
        .fetch_all(&self.readers)
        .await?;
        Ok(same_person)
    }

    pub(crate) async fn to_revoke(
        &self,
        listed: &[(String, AttemptId)],
    ) -> Result<Vec<String>, LedgerError> {
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
        Ok(revoke)
    }

    pub(crate) async fn looked(
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

    pub(crate) async fn look_later(
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
}

impl SqliteChange {
    /// A session is taken from the holder of its lease: the attempt goes into the history and on
    /// the sweeper's list. Its holder may not know yet and call as long as the lease lasts, so the
    /// quiet time counts from the lease's end.
    pub(super) async fn append_taken_over(
        &mut self,
        session: i64,
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "/* take over: history */ INSERT INTO attempts (id, session_id, run_id, fence, ended_at,
                 outcome)
             SELECT attempt_id, id, run_id, fence, ?2, 'taken_over' FROM sessions
             WHERE id = ?1 AND state = 'running'",
        )
        .bind(session)
        .bind(self.now.as_millis())
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query(
            "/* take over: unresolved */ INSERT INTO unresolved_attempts (attempt_id, session_id,
                 run_id, state, due_at)
             SELECT attempt_id, id, run_id, 'unresolved', MAX(lease_until, ?2) + ?3 FROM sessions
             WHERE id = ?1 AND state = 'running'",
        )
        .bind(session)
        .bind(self.now.as_millis())
        .bind(i64::try_from(quiet.as_millis()).unwrap_or(i64::MAX))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
