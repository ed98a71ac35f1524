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
use sqlx::{Sqlite, Transaction};

mod statements;

use crate::claim::Lease;
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
        let changed = statements::update_sessions(&mut transaction, finished).await?;
        // By fence, too: a process that was paused beyond its own lease may hold two ends of one
        // session.
        let (ours, others): (Vec<_>, Vec<_>) = finished
            .iter()
            .partition(|finished| changed.contains(&(finished.session, finished.fence)));
        let mut recorded: HashSet<_> = changed.iter().map(|(session, _)| *session).collect();
        self.insert_mappings(&mut transaction, &ours, now, rng)
            .await?;
        statements::wipe_tokens(&mut transaction, &ours).await?;
        statements::insert_waiting(&mut transaction, &ours, now).await?;
        statements::insert_attempts(&mut transaction, &ours, now).await?;
        for finished in others {
            if statements::was_recorded(&mut transaction, finished).await? {
                recorded.insert(finished.session);
            } else {
                statements::tell_where_to_look(&mut transaction, finished, now).await?;
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
        statements::for_each_row(
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
