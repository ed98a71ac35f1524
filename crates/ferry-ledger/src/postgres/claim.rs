//! Lease sessions to a worker.

use std::time::{Duration, Instant};

use ferry_core::Timestamp;

use super::PostgresChange;
use crate::LedgerError;
use crate::claim::{ClaimRow, Grant, Postponed};
use crate::register::milliseconds;

impl PostgresChange {
    /// The time, and those of the sessions that there are. Those that nobody else changes at this
    /// moment are kept until the end; the others are `in_use`.
    pub(crate) async fn look(
        &mut self,
        ids: &[i64],
    ) -> Result<(Timestamp, Vec<ClaimRow>), LedgerError> {
        let asked = Instant::now();
        let (now, locked): (i64, Vec<i64>) = sqlx::query_as(
            "/* claim: lock */ WITH locked AS MATERIALIZED (
                 SELECT id FROM sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED)
             SELECT ferry_now(), ARRAY(SELECT id FROM locked)",
        )
        .bind(ids)
        .fetch_one(&mut *self.transaction)
        .await?;
        let now = Timestamp::from_millis(now);
        self.clock.told(now, asked);
        let rows = sqlx::query_as(
            "/* claim: look */ SELECT s.id, s.run_id, s.legacy_key, s.organization, s.subject,
                 s.email, s.name, s.external_id, s.token_expires_at, s.session_expires_at, s.idle_timeout,
                 s.last_active_at, s.absolute_expires_at, s.custom_claims, s.state, s.fence,
                 s.lease_until, s.attempts_spent, s.unknown_outcomes, r.state AS run_state,
                 w.due_at, x.token, s.id <> ALL($2) AS in_use
             FROM sessions AS s
             JOIN runs AS r ON r.id = s.run_id
             LEFT JOIN waiting AS w ON w.session_id = s.id
             LEFT JOIN session_secrets AS x ON x.session_id = s.id
             WHERE s.id = ANY($1)",
        )
        .bind(ids)
        .bind(locked)
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok((now, rows))
    }

    pub(crate) async fn grant(
        &mut self,
        grants: &[Grant],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        let taken_over: Vec<_> = grants
            .iter()
            .filter(|grant| grant.taken_over)
            .map(|grant| grant.session)
            .collect();
        if !taken_over.is_empty() {
            self.append_taken_over(&taken_over, quiet).await?;
        }
        let ids: Vec<_> = grants.iter().map(|grant| grant.session).collect();
        let attempts: Vec<_> = grants.iter().map(|grant| &grant.attempt.0[..]).collect();
        let ends: Vec<_> = grants.iter().map(|grant| grant.until.as_millis()).collect();
        sqlx::query(
            "/* claim */ WITH due AS (DELETE FROM waiting WHERE session_id = ANY($1))
             UPDATE sessions AS s SET
                 unknown_outcomes = unknown_outcomes + (state = 'running')::int, state = 'running',
                 fence = fence + 1, attempt_id = g.attempt_id, lease_until = g.lease_until
             FROM unnest($1, $2::bytea[], $3::bigint[]) AS g (id, attempt_id, lease_until)
             WHERE s.id = g.id",
        )
        .bind(ids)
        .bind(attempts)
        .bind(ends)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Those that were taken over are fenced, as by a grant: their holders may still come.
    pub(crate) async fn postpone(
        &mut self,
        postponed: &[Postponed],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        let taken_over = postponed.iter().filter(|postponed| postponed.taken_over);
        let taken_over: Vec<_> = taken_over.map(|postponed| postponed.session).collect();
        if !taken_over.is_empty() {
            self.append_taken_over(&taken_over, quiet).await?;
        }
        let ids: Vec<_> = postponed
            .iter()
            .map(|postponed| postponed.session)
            .collect();
        let runs: Vec<_> = postponed.iter().map(|postponed| postponed.run).collect();
        let due: Vec<_> = postponed.iter().map(|p| p.due_at.as_millis()).collect();
        sqlx::query(
            "/* claim: postpone */ WITH p AS MATERIALIZED (
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
                     AS p (id, run_id, due_at)),
             waits AS (
                 INSERT INTO waiting (session_id, run_id, due_at) SELECT id, run_id, due_at FROM p
                 ON CONFLICT (session_id) DO UPDATE
                     SET run_id = excluded.run_id, due_at = excluded.due_at)
             UPDATE sessions AS s SET
                 unknown_outcomes = unknown_outcomes + (state = 'running')::int,
                 fence = fence + (state = 'running')::int,
                 state = 'waiting', attempt_id = NULL, lease_until = NULL
             FROM p WHERE s.id = p.id",
        )
        .bind(ids)
        .bind(runs)
        .bind(due)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Sessions are taken from the holders of their leases: the attempts go into the history and on
    /// the sweeper's list. Their holders may not know yet and call as long as the lease lasts, so the
    /// quiet time counts from the lease's end.
    pub(super) async fn append_taken_over(
        &mut self,
        sessions: &[i64],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "/* take over */ WITH clock AS MATERIALIZED (SELECT ferry_now() AS now),
             lost AS MATERIALIZED (
                 SELECT attempt_id, id, run_id, fence, lease_until FROM sessions
                 WHERE id = ANY($1) AND state = 'running'),
             history AS (
                 INSERT INTO attempts (id, session_id, run_id, fence, ended_at, outcome)
                 SELECT attempt_id, id, run_id, fence, now, 'taken_over' FROM lost, clock)
             INSERT INTO unresolved_attempts (attempt_id, session_id, run_id, state, due_at)
             SELECT attempt_id, id, run_id, 'unresolved', GREATEST(lease_until, now) + $2
             FROM lost, clock",
        )
        .bind(sessions)
        .bind(milliseconds(quiet))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
