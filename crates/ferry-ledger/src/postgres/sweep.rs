//! Look after attempts of unknown outcome.

use std::time::Duration;

use ferry_core::id::AttemptId;

use super::PostgresLedger;
use crate::LedgerError;
use crate::register::milliseconds;
use crate::sweep::{Looked, Member, UnresolvedRow};

impl PostgresLedger {
    pub(crate) async fn unresolved_due(
        &self,
        limit: u32,
    ) -> Result<Vec<UnresolvedRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* sweep: due */ SELECT u.attempt_id, u.session_id, u.state,
                 s.state AS session_state, s.reason, s.organization, s.subject, s.email
             FROM unresolved_attempts AS u JOIN sessions AS s ON s.id = u.session_id
             WHERE u.state IN ('unresolved', 'swept') AND u.due_at <= (SELECT ferry_now())
             ORDER BY u.state COLLATE \"C\" DESC, u.due_at LIMIT $1",
        );
        let limit = i64::from(limit);
        Ok(rows.bind(limit).fetch_all(&self.pool).await?)
    }

    pub(crate) async fn next_look(&self) -> Result<Option<i64>, LedgerError> {
        let due = sqlx::query_scalar(
            "/* sweep: next */ SELECT MIN(due_at) FROM unresolved_attempts
             WHERE state IN ('unresolved', 'swept')",
        );
        Ok(due.fetch_one(&self.pool).await?)
    }

    /// Named by the session's own mapping or by a reply to one of its attempts.
    pub(crate) async fn named_members(&self, session: i64) -> Result<Vec<Member>, LedgerError> {
        let named = sqlx::query_as(
            "/* sweep: members */ SELECT organization_id, member_id FROM mappings
             WHERE session_id = $1
             UNION SELECT organization_id, member_id FROM unresolved_attempts
             WHERE session_id = $1 AND member_id IS NOT NULL",
        );
        Ok(named.bind(session).fetch_all(&self.pool).await?)
    }

    /// Reads the whole table: only for rows that name neither member nor email.
    pub(crate) async fn members_of_same_person(
        &self,
        row: &UnresolvedRow,
    ) -> Result<Vec<Member>, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let same_person = sqlx::query_as(
            "/* sweep: same person */ SELECT DISTINCT m.organization_id, m.member_id
             FROM sessions AS s JOIN mappings AS m ON m.session_id = s.id
             WHERE s.subject = $1 AND s.organization = $2",
        )
        .bind(&row.subject)
        .bind(&row.organization)
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok(same_person)
    }

    pub(crate) async fn to_revoke(
        &self,
        listed: &[(String, AttemptId)],
    ) -> Result<Vec<String>, LedgerError> {
        let sessions: Vec<_> = listed.iter().map(|(session, _)| session.as_str()).collect();
        let attempts: Vec<_> = listed.iter().map(|(_, attempt)| &attempt.0[..]).collect();
        let revoke = sqlx::query_scalar(
            "/* sweep: to revoke */ SELECT l.session
             FROM unnest($1::text[], $2::bytea[]) AS l (session, attempt_id)
             JOIN unresolved_attempts AS u ON u.attempt_id = l.attempt_id
             JOIN sessions AS s ON s.id = u.session_id
             LEFT JOIN mappings AS m ON m.session_id = s.id
             WHERE m.member_session_id IS NULL OR m.member_session_id <> l.session",
        )
        .bind(sessions)
        .bind(attempts)
        .fetch_all(&self.pool)
        .await?;
        Ok(revoke)
    }

    pub(crate) async fn looked(
        &self,
        looked: &[Looked],
        second_look: Duration,
    ) -> Result<(), LedgerError> {
        let attempts: Vec<_> = looked.iter().map(|l| &l.attempt.0[..]).collect();
        let revoked: Vec<_> = looked.iter().map(|l| i64::from(l.revoked)).collect();
        let verifiable: Vec<_> = looked.iter().map(|l| l.verifiable).collect();
        let mut transaction = self.lock_attempts(&attempts).await?;
        sqlx::query(
            "/* sweep: looked */ UPDATE unresolved_attempts AS u SET
                 state = CASE WHEN NOT l.verifiable THEN 'unverifiable'
                     WHEN u.state = 'unresolved' THEN 'swept' ELSE 'closed' END,
                 revoked = u.revoked + l.revoked, due_at = (SELECT ferry_now()) + $4
             FROM unnest($1::bytea[], $2::bigint[], $3::bool[])
                 AS l (attempt_id, revoked, verifiable)
             WHERE u.attempt_id = l.attempt_id AND (l.verifiable OR u.member_id IS NULL)",
        )
        .bind(attempts)
        .bind(revoked)
        .bind(verifiable)
        .bind(milliseconds(second_look))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn look_later(
        &self,
        attempts: &[AttemptId],
        after: Duration,
    ) -> Result<(), LedgerError> {
        let attempts: Vec<_> = attempts.iter().map(|attempt| &attempt.0[..]).collect();
        let mut transaction = self.lock_attempts(&attempts).await?;
        sqlx::query(
            "/* sweep: later */ UPDATE unresolved_attempts
             SET due_at = (SELECT ferry_now()) + $2 WHERE attempt_id = ANY($1)",
        )
        .bind(attempts)
        .bind(milliseconds(after))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    async fn lock_attempts(
        &self,
        attempts: &[&[u8]],
    ) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, LedgerError> {
        let mut transaction = self.write().await?.transaction;
        sqlx::query(
            "/* sweep: lock */ SELECT FROM unresolved_attempts WHERE attempt_id = ANY($1)
             ORDER BY attempt_id FOR UPDATE",
        )
        .bind(attempts)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction)
    }
}
