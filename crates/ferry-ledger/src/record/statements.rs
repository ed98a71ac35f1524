//! The statements that `record` is made of, each for many rows at once.

use std::collections::HashSet;

use ferry_core::Timestamp;
use ferry_core::decide::Spent;
use ferry_core::id::{Fence, SessionId};
use ferry_core::outcome::ErrorType;
use serde::Serialize;
use sqlx::{Row, Sqlite, Transaction};

use super::{End, FailedAttempt, Finished};
use crate::LedgerError;
use crate::rows::json_rows;

/// Runs a statement whose `?1` is the rows and `?2` the time, unless there are no rows.
pub(super) async fn for_each_row(
    transaction: &mut Transaction<'static, Sqlite>,
    statement: &'static str,
    rows: Vec<impl Serialize>,
    now: Timestamp,
) -> Result<(), LedgerError> {
    if !rows.is_empty() {
        sqlx::query(statement)
            .bind(json_rows(&rows))
            .bind(now.as_millis())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

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

fn session_row(finished: &Finished) -> SessionRow<'_> {
    let (state, reason) = match &finished.end {
        End::Migrated(_) => ("migrated", None),
        End::Waiting { .. } => ("waiting", None),
        End::Queued => ("queued", None),
        End::Skipped(reason) => ("skipped", Some(<&str>::from(reason))),
        End::Dead(reason) => ("dead", Some(<&str>::from(reason))),
    };
    (
        finished.session.0,
        finished.fence.0,
        state,
        reason,
        u8::from(finished.spent == Spent::Attempt),
        u8::from(finished.spent == Spent::UnknownOutcome),
        finished
            .failure
            .as_ref()
            .and_then(|f| f.error_type.as_ref())
            .map(ErrorType::as_str),
    )
}

/// Writes the ends, where the fence still is the session's; returns those that were written.
pub(super) async fn update_sessions(
    transaction: &mut Transaction<'static, Sqlite>,
    finished: &[Finished],
) -> Result<HashSet<(SessionId, Fence)>, LedgerError> {
    let rows: Vec<_> = finished.iter().map(session_row).collect();
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
    .fetch_all(&mut **transaction)
    .await?;
    Ok(changed
        .iter()
        .map(|row| (SessionId(row.get(0)), Fence(row.get(1))))
        .collect())
}

pub(super) async fn wipe_tokens(
    transaction: &mut Transaction<'static, Sqlite>,
    finished: &[&Finished],
) -> Result<(), LedgerError> {
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
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(super) async fn insert_waiting(
    transaction: &mut Transaction<'static, Sqlite>,
    finished: &[&Finished],
    now: Timestamp,
) -> Result<(), LedgerError> {
    let rows = finished
        .iter()
        .filter_map(|finished| {
            let End::Waiting { after } = finished.end else {
                return None;
            };
            Some((
                finished.session.0,
                finished.run.0,
                now.plus(after).as_millis(),
            ))
        })
        .collect();
    for_each_row(
        transaction,
        "/* record: waiting */ INSERT OR REPLACE INTO waiting (session_id, run_id, due_at)
         SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)",
        rows,
        now,
    )
    .await
}

pub(super) async fn insert_attempts(
    transaction: &mut Transaction<'static, Sqlite>,
    finished: &[&Finished],
    now: Timestamp,
) -> Result<(), LedgerError> {
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
        .collect();
    for_each_row(
        transaction,
        "/* record: attempts */ INSERT INTO attempts (id, session_id, run_id, fence, ended_at,
             outcome, http_status, error_type, request_id)
         SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, ?2, value ->> 4,
             value ->> 5, value ->> 6, value ->> 7
         FROM json_each(?1)",
        attempts,
        now,
    )
    .await?;
    let unresolved = failed()
        .filter_map(|(finished, failure)| {
            let unrecorded = failure.unresolved.as_ref()?;
            Some((
                finished.attempt.to_string(),
                finished.session.0,
                finished.run.0,
                now.plus(unrecorded.quiet).as_millis(),
                &unrecorded.organization_id,
                &unrecorded.member_id,
            ))
        })
        .collect();
    for_each_row(
        transaction,
        "/* record: unresolved */ INSERT INTO unresolved_attempts (attempt_id, session_id, run_id,
             state, due_at, organization_id, member_id)
         SELECT unhex(value ->> 0), value ->> 1, value ->> 2, 'unresolved', value ->> 3,
             value ->> 4, value ->> 5
         FROM json_each(?1)",
        unresolved,
        now,
    )
    .await
}

/// An earlier call wrote this end, and its caller did not learn of it.
pub(super) async fn was_recorded(
    transaction: &mut Transaction<'static, Sqlite>,
    finished: &Finished,
) -> Result<bool, LedgerError> {
    let recorded = sqlx::query_scalar(
        "/* record: before? */ SELECT EXISTS (
             SELECT 1 FROM sessions WHERE id = ?1 AND fence = ?2 AND state <> 'running')",
    )
    .bind(finished.session.0)
    .bind(finished.fence.0)
    .fetch_one(&mut **transaction)
    .await?;
    Ok(recorded)
}

/// The reply of an attempt that was fenced out still tells the sweeper whose session it minted. A
/// look that was taken without knowing that does not count.
pub(super) async fn tell_where_to_look(
    transaction: &mut Transaction<'static, Sqlite>,
    finished: &Finished,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let (organization_id, member_id) = match (&finished.end, &finished.failure) {
        (End::Migrated(minted), _) => (
            minted.organization.as_ref().map(|o| o.id.clone()),
            Some(minted.member_id.clone()),
        ),
        (
            _,
            Some(FailedAttempt {
                unresolved: Some(unrecorded),
                ..
            }),
        ) => (
            unrecorded.organization_id.clone(),
            unrecorded.member_id.clone(),
        ),
        _ => return Ok(()),
    };
    if member_id.is_none() {
        return Ok(());
    }
    sqlx::query(
        "/* record: fenced out */ UPDATE unresolved_attempts
         SET organization_id = ?2, member_id = ?3, state = 'unresolved', due_at = MAX(due_at, ?4)
         WHERE attempt_id = ?1",
    )
    .bind(&finished.attempt.0[..])
    .bind(organization_id)
    .bind(member_id)
    .bind(now.as_millis())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
