//! Finish what was leased.

use std::collections::HashSet;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::decide::Spent;
use ferry_core::failure::FailureClass;
use ferry_core::id::{AttemptId, Fence, LegacyKey, RunId, SessionId};
use ferry_core::outcome::{ErrorType, MintedSession};
use ferry_core::reason::{DeadReason, SkipReason};
use rand::Rng;
use serde::Serialize;
use sqlx::{Row, Sqlite, Transaction};

use crate::claim::Lease;
use crate::rows::json_rows;
use crate::seal::SESSION_TOKEN;
use crate::{Ledger, LedgerError};

/// The end of an attempt, as it goes into the ledger.
#[derive(Debug)]
pub struct Finished {
    /// The session and its run.
    pub session: SessionId,
    /// See [`Lease::run`].
    pub run: RunId,
    /// See [`Lease::fence`].
    pub fence: Fence,
    /// See [`Lease::attempt`].
    pub attempt: AttemptId,
    /// See [`Lease::legacy_key`].
    pub legacy_key: LegacyKey,
    /// What happens to the session.
    pub end: End,
    /// What the attempt counts against.
    pub spent: Spent,
    /// What went wrong; `None` if nothing did.
    pub failure: Option<FailedAttempt>,
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

/// What happens to a session.
#[derive(Debug)]
pub enum End {
    /// Carried.
    Migrated(Box<MintedSession>),
    /// To be tried again.
    Waiting {
        /// Not before this much time has passed.
        after: Duration,
    },
    /// As it was before the claim.
    Queued,
    /// Not to be carried.
    Skipped(SkipReason),
    /// A dead letter.
    Dead(DeadReason),
}

/// A failed attempt, for the history.
#[derive(Debug)]
pub struct FailedAttempt {
    /// Its class.
    pub class: FailureClass,
    /// HTTP status of the reply, if there was one.
    pub http_status: Option<u16>,
    /// Stytch's `error_type`.
    pub error_type: Option<ErrorType>,
    /// Stytch's `request_id`.
    pub request_id: Option<String>,
    /// Set if a session may have been minted that is not recorded.
    pub unresolved: Option<Unrecorded>,
}

/// Where and when the sweeper shall look for a session that nobody recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrecorded {
    /// Not before this much time has passed: the call may still be under way at Stytch.
    pub quiet: Duration,
    /// The organization, if the reply told.
    pub organization_id: Option<String>,
    /// The member, if the reply told.
    pub member_id: Option<String>,
}

impl Finished {
    /// The end of a lease.
    pub fn new(lease: &Lease, end: End, spent: Spent, failure: Option<FailedAttempt>) -> Self {
        Self {
            session: lease.session,
            run: lease.run,
            fence: lease.fence,
            attempt: lease.attempt,
            legacy_key: lease.legacy_key,
            end,
            spent,
            failure,
        }
    }

    /// The token has no further use.
    fn wipes_token(&self) -> bool {
        match &self.end {
            End::Migrated(_) | End::Skipped(_) => true,
            End::Waiting { .. } | End::Queued => false,
            End::Dead(reason) => !reason.is_mendable(),
        }
    }

    fn session_row(&self) -> SessionRow<'_> {
        let (state, reason) = match &self.end {
            End::Migrated(_) => ("migrated", None),
            End::Waiting { .. } => ("waiting", None),
            End::Queued => ("queued", None),
            End::Skipped(reason) => ("skipped", Some(<&str>::from(reason))),
            End::Dead(reason) => ("dead", Some(<&str>::from(reason))),
        };
        (
            self.session.0,
            self.fence.0,
            state,
            reason,
            u8::from(self.spent == Spent::Attempt),
            u8::from(self.spent == Spent::UnknownOutcome),
            self.failure
                .as_ref()
                .and_then(|f| f.error_type.as_ref())
                .map(ErrorType::as_str),
        )
    }
}

impl Ledger {
    /// Records the ends of many attempts in one commit, and returns the sessions that have theirs.
    /// One that is missing was fenced out: its attempt stands as unresolved, and the sweeper
    /// revokes what it minted.
    ///
    /// After a commit that failed or was not answered, call it again with the same ends: what the
    /// ledger already has under the same fence is not written twice.
    pub async fn record(
        &self,
        finished: &[Finished],
        rng: &mut impl Rng,
    ) -> Result<HashSet<SessionId>, LedgerError> {
        let now = self.now();
        let mut transaction = self.write().await?;
        let changed = update_sessions(&mut transaction, finished).await?;
        // By fence, too: a process that was paused beyond its own lease may hold two ends of one
        // session.
        let (ours, others): (Vec<_>, Vec<_>) = finished
            .iter()
            .partition(|finished| changed.contains(&(finished.session, finished.fence)));
        let mut recorded: HashSet<_> = changed.iter().map(|(session, _)| *session).collect();
        self.insert_mappings(&mut transaction, &ours, now, rng)
            .await?;
        wipe_tokens(&mut transaction, &ours).await?;
        insert_waiting(&mut transaction, &ours, now).await?;
        insert_attempts(&mut transaction, &ours, now).await?;
        for finished in others {
            if was_recorded(&mut transaction, finished).await? {
                recorded.insert(finished.session);
            } else {
                tell_where_to_look(&mut transaction, finished, now).await?;
            }
        }
        fail::fail_point!("record-before-commit", |_| std::process::abort());
        transaction.commit().await?;
        Ok(recorded)
    }

    async fn insert_mappings(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        finished: &[&Finished],
        now: Timestamp,
        rng: &mut impl Rng,
    ) -> Result<(), LedgerError> {
        let rows: Vec<_> = finished
            .iter()
            .filter_map(|finished| {
                let End::Migrated(minted) = &finished.end else {
                    return None;
                };
                let key = finished.legacy_key;
                let sealed = self
                    .keys
                    .seal(&minted.session_token, SESSION_TOKEN, key, rng);
                Some((
                    finished.session.0,
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
            .collect();
        for_each_row(
            transaction,
            "/* record: mappings */ INSERT INTO mappings (session_id, organization_id, member_id,
                 member_session_id, session_token, expires_at, created_at)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4),
                 value ->> 5, ?2
             FROM json_each(?1)",
            rows,
            now,
        )
        .await
    }
}

/// Runs a statement whose `?1` is the rows and `?2` the time, unless there are no rows.
async fn for_each_row(
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

async fn update_sessions(
    transaction: &mut Transaction<'static, Sqlite>,
    finished: &[Finished],
) -> Result<HashSet<(SessionId, Fence)>, LedgerError> {
    let rows: Vec<_> = finished.iter().map(Finished::session_row).collect();
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

async fn wipe_tokens(
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

async fn insert_waiting(
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

async fn insert_attempts(
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
async fn was_recorded(
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
async fn tell_where_to_look(
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
