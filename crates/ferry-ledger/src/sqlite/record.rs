//! Finish what was leased: each statement for many rows at once.

use std::collections::HashSet;

use ferry_core::decide::Spent;
use ferry_core::id::{AttemptId, Fence, SessionId};
use ferry_core::outcome::ErrorType;
use serde::Serialize;
use sqlx::Row;

use super::SqliteChange;
use super::rows::json_rows;
use crate::LedgerError;
use crate::record::{End, Finished, SealedEnd};

/// Id, fence, state, reason, whether it counts as an attempt or as an unknown outcome, error type.
type SessionRow<'a> = (
    i64,
    i64,
    &'static str,
    Option<&'static str>,
    u8,
    u8,
    Option<&'a str>,
);

fn session_row<'f>(end: &SealedEnd<'f>) -> SessionRow<'f> {
    let finished = end.finished;
    let (state, reason) = finished.state();
    (
        finished.session.0,
        finished.fence.0,
        state,
        reason,
        u8::from(finished.spent == Spent::Attempt),
        u8::from(finished.spent == Spent::UnknownOutcome),
        finished.error_type(),
    )
}

impl SqliteChange {
    /// Writes the ends, where the fence still is the session's; returns those that were written.
    pub(crate) async fn write_ends(
        &mut self,
        ends: &[SealedEnd<'_>],
    ) -> Result<HashSet<(SessionId, Fence)>, LedgerError> {
        let changed = self.update_sessions(ends).await?;
        let ours: Vec<_> = ends
            .iter()
            .filter(|end| changed.contains(&(end.finished.session, end.finished.fence)))
            .collect();
        self.insert_mappings(&ours).await?;
        let ours: Vec<_> = ours.iter().map(|end| end.finished).collect();
        self.wipe_tokens(&ours).await?;
        self.insert_waiting(&ours).await?;
        self.insert_attempts(&ours).await?;
        self.insert_dead(&ours).await?;
        Ok(changed)
    }

    /// Runs a statement whose `?1` is the rows and `?2` the time, unless there are no rows.
    pub(super) async fn for_each_row(
        &mut self,
        statement: &'static str,
        rows: &[impl Serialize],
    ) -> Result<(), LedgerError> {
        if !rows.is_empty() {
            sqlx::query(statement)
                .bind(json_rows(rows))
                .bind(self.now.as_millis())
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }

    async fn update_sessions(
        &mut self,
        ends: &[SealedEnd<'_>],
    ) -> Result<HashSet<(SessionId, Fence)>, LedgerError> {
        let rows: Vec<_> = ends.iter().map(session_row).collect();
        let changed = sqlx::query(
            "/* record */ UPDATE sessions SET state = j.value ->> 2, reason = j.value ->> 3,
                 attempts_spent = attempts_spent + (j.value ->> 4),
                 unknown_outcomes = unknown_outcomes + (j.value ->> 5),
                 error_type = j.value ->> 6, attempt_id = NULL, lease_until = NULL
             FROM json_each(?1) AS j
             WHERE sessions.id = j.value ->> 0 AND sessions.fence = j.value ->> 1
               AND sessions.state = 'running'
             RETURNING sessions.id, sessions.fence",
        )
        .bind(json_rows(&rows))
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(changed
            .iter()
            .map(|row| (SessionId(row.get(0)), Fence(row.get(1))))
            .collect())
    }

    async fn insert_mappings(&mut self, ends: &[&SealedEnd<'_>]) -> Result<(), LedgerError> {
        let rows = ends
            .iter()
            .filter_map(|end| {
                let (minted, sealed) = end.minted.as_ref()?;
                Some((
                    end.finished.session.0,
                    minted
                        .organization
                        .as_ref()
                        .map(|organization| &organization.id),
                    &minted.member_id,
                    &minted.member_session_id,
                    hex::encode(sealed),
                    minted.expires_at.as_millis(),
                ))
            })
            .collect::<Vec<_>>();
        self.for_each_row(
            "/* record: mappings */ INSERT INTO mappings (session_id, organization_id, member_id,
                 member_session_id, session_token, expires_at, created_at)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4),
                 value ->> 5, ?2
             FROM json_each(?1)",
            &rows,
        )
        .await
    }

    async fn wipe_tokens(&mut self, finished: &[&Finished]) -> Result<(), LedgerError> {
        let rows: Vec<_> = finished
            .iter()
            .filter(|f| f.wipes_token())
            .map(|f| f.session.0)
            .collect();
        sqlx::query(
            "/* record: wipe */ DELETE FROM session_secrets
             WHERE session_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(json_rows(&rows))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    async fn insert_waiting(&mut self, finished: &[&Finished]) -> Result<(), LedgerError> {
        let rows = finished
            .iter()
            .filter_map(|finished| {
                let End::Waiting { after } = finished.end else {
                    return None;
                };
                Some((
                    finished.session.0,
                    finished.run.0,
                    self.now.plus(after).as_millis(),
                ))
            })
            .collect::<Vec<_>>();
        self.for_each_row(
            "/* record: waiting */ INSERT OR REPLACE INTO waiting (session_id, run_id, due_at)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)",
            &rows,
        )
        .await
    }

    async fn insert_attempts(&mut self, finished: &[&Finished]) -> Result<(), LedgerError> {
        let failed = || {
            finished
                .iter()
                .filter_map(|f| f.failure.as_ref().map(|failure| (*f, failure)))
        };
        let attempts = failed()
            .map(|(finished, failure)| {
                (
                    finished.attempt.to_string(),
                    finished.session.0,
                    finished.run.0,
                    finished.fence.0,
                    failure.class,
                    failure.http_status,
                    failure.error_type.as_ref().map(ErrorType::as_str),
                    &failure.request_id,
                )
            })
            .collect::<Vec<_>>();
        self.for_each_row(
            "/* record: attempts */ INSERT INTO attempts (id, session_id, run_id, fence, ended_at,
                 outcome, http_status, error_type, request_id)
             SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, ?2, value ->> 4,
                 value ->> 5, value ->> 6, value ->> 7
             FROM json_each(?1)",
            &attempts,
        )
        .await?;
        let unresolved = failed()
            .filter_map(|(finished, failure)| {
                let unrecorded = failure.unresolved.as_ref()?;
                Some((
                    finished.attempt.to_string(),
                    finished.session.0,
                    finished.run.0,
                    self.now.plus(unrecorded.quiet).as_millis(),
                    &unrecorded.organization_id,
                    &unrecorded.member_id,
                ))
            })
            .collect::<Vec<_>>();
        self.for_each_row(
            "/* record: unresolved */ INSERT INTO unresolved_attempts (attempt_id, session_id,
                 run_id, state, due_at, organization_id, member_id)
             SELECT unhex(value ->> 0), value ->> 1, value ->> 2, 'unresolved', value ->> 3,
                 value ->> 4, value ->> 5
             FROM json_each(?1)",
            &unresolved,
        )
        .await
    }

    async fn insert_dead(&mut self, finished: &[&Finished]) -> Result<(), LedgerError> {
        let rows = finished
            .iter()
            .filter(|finished| matches!(finished.end, End::Dead(_)))
            .map(|finished| {
                let class = finished.failure.as_ref().map(|failure| failure.class);
                (finished.session.0, class)
            })
            .collect::<Vec<_>>();
        self.for_each_row(
            "/* record: dead letters */ INSERT OR REPLACE INTO dead_letters (session_id, run_id,
                 died_at, attempts, reason, class, error_type, organization)
             SELECT s.id, s.run_id, ?2, s.attempts_spent + s.unknown_outcomes, s.reason,
                 value ->> 1, s.error_type, s.organization
             FROM json_each(?1) JOIN sessions AS s ON s.id = value ->> 0",
            &rows,
        )
        .await
    }

    /// The session is not running, and this was its last fence.
    pub(crate) async fn was_recorded(&mut self, finished: &Finished) -> Result<bool, LedgerError> {
        let recorded = sqlx::query_scalar(
            "/* record: before? */ SELECT EXISTS (
                 SELECT 1 FROM sessions WHERE id = ?1 AND fence = ?2 AND state <> 'running')",
        )
        .bind(finished.session.0)
        .bind(finished.fence.0)
        .fetch_one(&mut *self.transaction)
        .await?;
        Ok(recorded)
    }

    pub(crate) async fn tell_where_to_look(
        &mut self,
        attempt: AttemptId,
        organization: Option<&str>,
        member: &str,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "/* record: fenced out */ UPDATE unresolved_attempts
             SET organization_id = ?2, member_id = ?3, state = 'unresolved',
                 due_at = CASE state WHEN 'unresolved' THEN due_at ELSE ?4 END
             WHERE attempt_id = ?1",
        )
        .bind(&attempt.0[..])
        .bind(organization)
        .bind(member)
        .bind(self.now.as_millis())
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query(
            "/* record: fenced out, run */ UPDATE runs SET state = 'auditing', finished_at = NULL
             WHERE state = 'finished'
                 AND id = (SELECT run_id FROM unresolved_attempts WHERE attempt_id = ?1)",
        )
        .bind(&attempt.0[..])
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
