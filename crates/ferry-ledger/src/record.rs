//! Finish what was leased.

use std::collections::HashSet;
use std::time::Duration;

use ferry_core::decide::Spent;
use ferry_core::failure::FailureClass;
use ferry_core::id::{AttemptId, Fence, LegacyKey, RunId, SessionId};
use ferry_core::outcome::{ErrorType, MintedSession};
use ferry_core::reason::{DeadReason, SkipReason};
use rand::Rng;

use crate::claim::Lease;
use crate::database::either;
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
    pub(crate) fn wipes_token(&self) -> bool {
        match &self.end {
            End::Migrated(_) | End::Skipped(_) => true,
            End::Waiting { .. } | End::Queued => false,
            End::Dead(reason) => !reason.is_mendable(),
        }
    }

    /// The session's state, and the reason for it.
    pub(crate) fn state(&self) -> (&'static str, Option<&'static str>) {
        match &self.end {
            End::Migrated(_) => ("migrated", None),
            End::Waiting { .. } => ("waiting", None),
            End::Queued => ("queued", None),
            End::Skipped(reason) => ("skipped", Some(reason.into())),
            End::Dead(reason) => ("dead", Some(reason.into())),
        }
    }

    pub(crate) fn error_type(&self) -> Option<&str> {
        let error_type = self.failure.as_ref()?.error_type.as_ref();
        error_type.map(ErrorType::as_str)
    }

    /// Organization and member of a session that was minted, if the reply told.
    fn minted_for(&self) -> Option<(Option<&str>, &str)> {
        if let End::Migrated(minted) = &self.end {
            let organization = minted.organization.as_ref().map(|o| o.id.as_str());
            return Some((organization, &minted.member_id));
        }
        let unrecorded = self.failure.as_ref()?.unresolved.as_ref()?;
        let member = unrecorded.member_id.as_deref()?;
        Some((unrecorded.organization_id.as_deref(), member))
    }
}

/// An end with what is sealed for it.
pub(crate) struct SealedEnd<'f> {
    pub(crate) finished: &'f Finished,
    /// The Stytch session and its sealed token, if the end is one.
    pub(crate) minted: Option<(&'f MintedSession, Vec<u8>)>,
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
        let ends: Vec<_> = finished.iter().map(|end| self.seal_end(end, rng)).collect();
        let mut change = self.write().await?;
        let changed = either!(&mut change, change => change.write_ends(&ends).await?);
        let mut recorded: HashSet<_> = changed.iter().map(|(session, _)| *session).collect();
        // By fence, too: a process that was paused beyond its own lease may hold two ends of one
        // session.
        let mut others: Vec<_> = finished
            .iter()
            .filter(|finished| !changed.contains(&(finished.session, finished.fence)))
            .collect();
        // In one order, so that two who do so wait for each other in turn.
        others.sort_unstable_by_key(|finished| finished.attempt);
        for finished in others {
            // An earlier call wrote this end, and its caller did not learn of it.
            let before = either!(&mut change, change => change.was_recorded(finished).await?);
            if before {
                recorded.insert(finished.session);
            } else if let Some((organization, member)) = finished.minted_for() {
                // The reply of an attempt that was fenced out still tells the sweeper whose session
                // it minted. A look that was taken without knowing that does not count: the next one is
                // due, and a run that was finished is audited again.
                let attempt = finished.attempt;
                either!(&mut change, change => change.tell_where_to_look(attempt, organization, member).await?);
            }
        }
        fail::fail_point!("record-before-commit", |_| std::process::abort());
        change.commit().await?;
        Ok(recorded)
    }

    fn seal_end<'f>(&self, finished: &'f Finished, rng: &mut impl Rng) -> SealedEnd<'f> {
        let minted = match &finished.end {
            End::Migrated(minted) => {
                let (token, key) = (&minted.session_token, finished.legacy_key);
                Some((&**minted, self.keys.seal(token, SESSION_TOKEN, key, rng)))
            }
            _ => None,
        };
        SealedEnd { finished, minted }
    }
}
