//! Finish what was leased.

use std::borrow::Cow;
use std::collections::HashSet;

use ferry_core::decide::Spent;
use ferry_core::id::{AttemptId, Fence, SessionId};

use super::PostgresChange;
use crate::LedgerError;
use crate::record::{End, Finished, SealedEnd};
use crate::register::milliseconds;

/// Each end is a row of `ends`; what belongs to a mapping, a wait or a failure is null in the others.
const WRITE_ENDS: &str = "/* record */ WITH clock AS MATERIALIZED (SELECT ferry_now() AS now),
    ends AS MATERIALIZED (
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
            $6::bool[], $7::bool[], $8::text[], $9::bool[], $10::bigint[],
            $11::text[], $12::text[], $13::text[], $14::bytea[], $15::bigint[],
            $16::bytea[], $17::text[], $18::bigint[], $19::text[],
            $20::bigint[], $21::text[], $22::text[])
        AS e (id, run_id, fence, state, reason, attempt, unknown, error_type, wipe, wait,
            organization_id, member_id, member_session_id, session_token, expires_at,
            attempt_id, outcome, http_status, request_id,
            quiet, look_organization_id, look_member_id)),
    changed AS (
        UPDATE sessions AS s SET state = e.state, reason = e.reason,
            attempts_spent = attempts_spent + e.attempt::int,
            unknown_outcomes = unknown_outcomes + e.unknown::int,
            error_type = e.error_type, attempt_id = NULL, lease_until = NULL
        FROM ends AS e WHERE s.id = e.id AND s.fence = e.fence AND s.state = 'running'
        RETURNING s.id, s.fence, s.organization, s.attempts_spent + s.unknown_outcomes AS attempts),
    ours AS MATERIALIZED (
        SELECT e.*, c.organization, c.attempts FROM ends AS e JOIN changed AS c USING (id, fence)),
    mapped AS (
        INSERT INTO mappings (session_id, organization_id, member_id, member_session_id,
            session_token, expires_at, created_at)
        SELECT id, organization_id, member_id, member_session_id, session_token, expires_at, now
        FROM ours, clock WHERE member_session_id IS NOT NULL),
    wiped AS (
        DELETE FROM session_secrets WHERE session_id IN (SELECT id FROM ours WHERE wipe)),
    waits AS (
        INSERT INTO waiting (session_id, run_id, due_at)
        SELECT id, run_id, now + wait FROM ours, clock WHERE wait IS NOT NULL
        ON CONFLICT (session_id) DO UPDATE SET run_id = excluded.run_id, due_at = excluded.due_at),
    history AS (
        INSERT INTO attempts (id, session_id, run_id, fence, ended_at, outcome, http_status,
            error_type, request_id)
        SELECT attempt_id, id, run_id, fence, now, outcome, http_status, error_type, request_id
        FROM ours, clock WHERE outcome IS NOT NULL),
    listed AS (
        INSERT INTO unresolved_attempts (attempt_id, session_id, run_id, state, due_at,
            organization_id, member_id)
        SELECT attempt_id, id, run_id, 'unresolved', now + quiet, look_organization_id,
            look_member_id
        FROM ours, clock WHERE quiet IS NOT NULL),
    letters AS (
        INSERT INTO dead_letters (session_id, run_id, died_at, attempts, reason, class, error_type,
            organization)
        SELECT id, run_id, now, attempts, reason, outcome, error_type, organization
        FROM ours, clock WHERE state = 'dead'
        ON CONFLICT (session_id) DO UPDATE SET run_id = excluded.run_id, died_at = excluded.died_at,
            discarded_at = NULL, attempts = excluded.attempts, reason = excluded.reason,
            class = excluded.class, error_type = excluded.error_type)
    SELECT id, fence FROM changed";

/// So few that their message goes out in one piece. sqlx 0.9.0 leaves Nagle's algorithm on
/// (transact-rs/sqlx#4335): the last piece of a longer one waits 40 ms for the server's delayed
/// acknowledgement, on one host in particular.
const ENDS_PER_STATEMENT: usize = 32;

impl PostgresChange {
    /// Writes the ends, where the fence still is the session's; returns those that were written.
    pub(crate) async fn write_ends(
        &mut self,
        ends: &[SealedEnd<'_>],
    ) -> Result<HashSet<(SessionId, Fence)>, LedgerError> {
        let ids: Vec<_> = ends.iter().map(|end| end.finished.session.0).collect();
        self.lock(&ids).await?;
        let mut written = HashSet::with_capacity(ends.len());
        for some in ends.chunks(ENDS_PER_STATEMENT) {
            written.extend(self.write_some(some).await?);
        }
        Ok(written)
    }

    async fn write_some(
        &mut self,
        ends: &[SealedEnd<'_>],
    ) -> Result<impl Iterator<Item = (SessionId, Fence)> + use<>, LedgerError> {
        let each = || ends.iter().map(|end| end.finished);
        let failed = || each().map(|f| f.failure.as_ref());
        let listed = || failed().map(|f| f.and_then(|f| f.unresolved.as_ref()));
        let minted = || ends.iter().map(|end| end.minted.as_ref());
        let organization = minted().map(|m| m?.0.organization.as_ref().map(|o| plain(&o.id)));
        let wait = each().map(|finished| match finished.end {
            End::Waiting { after } => Some(milliseconds(after)),
            _ => None,
        });
        let changed: Vec<(i64, i64)> = sqlx::query_as(WRITE_ENDS)
            .bind(all(each().map(|f| f.session.0)))
            .bind(all(each().map(|f| f.run.0)))
            .bind(all(each().map(|f| f.fence.0)))
            .bind(all(each().map(|f| f.state().0)))
            .bind(all(each().map(|f| f.state().1)))
            .bind(all(each().map(|f| f.spent == Spent::Attempt)))
            .bind(all(each().map(|f| f.spent == Spent::UnknownOutcome)))
            .bind(all(each().map(Finished::error_type)))
            .bind(all(each().map(Finished::wipes_token)))
            .bind(all(wait))
            .bind(all(organization))
            .bind(all(minted().map(|m| Some(plain(&m?.0.member_id)))))
            .bind(all(minted().map(|m| Some(plain(&m?.0.member_session_id)))))
            .bind(all(minted().map(|m| Some(&m?.1[..]))))
            .bind(all(minted().map(|m| Some(m?.0.expires_at.as_millis()))))
            .bind(all(each().map(|f| &f.attempt.0[..])))
            .bind(all(failed().map(|f| Some(<&str>::from(f?.class)))))
            .bind(all(failed().map(|f| f?.http_status.map(i64::from))))
            .bind(all(failed().map(|f| f?.request_id.as_deref().map(plain))))
            .bind(all(listed().map(|u| Some(milliseconds(u?.quiet)))))
            .bind(all(
                listed().map(|u| u?.organization_id.as_deref().map(plain))
            ))
            .bind(all(listed().map(|u| u?.member_id.as_deref().map(plain))))
            .fetch_all(&mut *self.transaction)
            .await?;
        let changed = changed.into_iter();
        Ok(changed.map(|(session, fence)| (SessionId(session), Fence(fence))))
    }

    /// The session is not running, and this was its last fence.
    pub(crate) async fn was_recorded(&mut self, finished: &Finished) -> Result<bool, LedgerError> {
        let recorded = sqlx::query_scalar(
            "/* record: before? */ SELECT EXISTS (
                 SELECT 1 FROM sessions WHERE id = $1 AND fence = $2 AND state <> 'running')",
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
        // First lock, then look: the run must not be finished meanwhile.
        sqlx::query(
            "/* record: fenced out, lock */ SELECT FROM runs WHERE id = (
                 SELECT run_id FROM unresolved_attempts WHERE attempt_id = $1) FOR UPDATE",
        )
        .bind(&attempt.0[..])
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query(
            "/* record: fenced out */ WITH told AS (
                 UPDATE unresolved_attempts
                 SET organization_id = $2, member_id = $3, state = 'unresolved',
                     due_at = CASE state WHEN 'unresolved' THEN due_at ELSE ferry_now() END
                 WHERE attempt_id = $1 RETURNING run_id)
             UPDATE runs SET state = 'auditing', finished_at = NULL
             FROM told WHERE id = run_id AND state = 'finished'",
        )
        .bind(&attempt.0[..])
        .bind(organization.map(plain))
        .bind(plain(member))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

fn all<T>(column: impl Iterator<Item = T>) -> Vec<T> {
    column.collect()
}

/// PostgreSQL's text holds no NUL. One in a reply must not keep the whole batch from being recorded.
fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}
