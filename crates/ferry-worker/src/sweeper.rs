//! Finds and revokes what nobody recorded.
//!
//! For each attempt of unknown outcome: find its member, list the member's sessions at Stytch,
//! *then* read the ledger, and revoke only what carries the id of an attempt that is listed as
//! unresolved and is not the recorded session.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ferry_core::reason::DeadReason;
use ferry_core::state::UnresolvedState;
use ferry_ledger::LedgerError;
use ferry_ledger::sweep::{Looked, Unresolved};
use ferry_stytch::{Api, Failure, ListedSession, Member};
use tokio_util::sync::CancellationToken;

use crate::limiter::NoPermit;
use crate::settings::Tools;

/// Attempts read from the ledger at once.
const ATTEMPTS_PER_ROUND: u32 = 64;
/// How often an empty list is looked at again.
const IDLE_PAUSE: Duration = Duration::from_millis(500);
/// After a failure of Stytch or of the ledger.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);
/// An attempt whose member is not known yet is looked at again when its session may be final.
const NOT_YET_PAUSE: Duration = Duration::from_secs(1);

/// How often persons are forgotten whose bucket is full again.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// What a round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Attempts that were due.
    pub due: usize,
    /// Attempts that must be looked at again: Stytch did not answer, or could not be asked.
    pub failed: usize,
}

/// Sweeps until told to stop. One sweeper at a time.
pub async fn sweep(tools: &Tools, stop: &CancellationToken) {
    let mut forgot = Instant::now();
    while !stop.is_cancelled() {
        if tools.settings.subject.is_some() && forgot.elapsed() >= FORGET_EVERY {
            forgot = Instant::now();
            if let Err(error) = tools.ledger.forget_idle_subjects().await {
                tracing::debug!(%error, "persons not forgotten; they are later");
            }
        }
        let pause = match round(tools, stop).await {
            Ok(Round { due: 0, .. }) => IDLE_PAUSE,
            Ok(Round { failed: 0, .. }) => continue,
            Ok(_) => FAILURE_PAUSE,
            Err(error) => {
                tools.tally.looks_failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "sweep failed; it goes on later");
                FAILURE_PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Looks at each attempt that is due, once.
pub async fn round(tools: &Tools, stop: &CancellationToken) -> Result<Round, LedgerError> {
    let due = tools.ledger.unresolved_due(ATTEMPTS_PER_ROUND).await?;
    let mut round = Round {
        due: due.len(),
        failed: 0,
    };
    for unresolved in &due {
        if stop.is_cancelled() {
            break;
        }
        match look(unresolved, tools).await? {
            Look::Done(looked) => {
                tools
                    .tally
                    .swept
                    .fetch_add(u64::from(looked.revoked), Ordering::Relaxed);
                tools
                    .ledger
                    .looked(&[looked], tools.settings.second_look)
                    .await?;
            }
            Look::NotYet => {
                tools
                    .ledger
                    .look_later(&[unresolved.attempt], NOT_YET_PAUSE)
                    .await?;
            }
            Look::Failed(obstacle) => {
                round.failed += 1;
                tools.tally.looks_failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(attempt = %unresolved.attempt, %obstacle, "attempt not looked up yet");
                tools
                    .ledger
                    .look_later(&[unresolved.attempt], FAILURE_PAUSE)
                    .await?;
            }
        }
    }
    Ok(round)
}

enum Look {
    Done(Looked),
    /// The session is not final, and only its end may tell the member.
    NotYet,
    Failed(Obstacle),
}

/// Why Stytch could not tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Obstacle {
    #[error("{0}")]
    Stytch(#[from] Failure),
    #[error(transparent)]
    NoPermit(#[from] NoPermit),
}

async fn look(unresolved: &Unresolved, tools: &Tools) -> Result<Look, LedgerError> {
    let members = match members(unresolved, tools).await {
        Ok(Members::Found(members)) => members,
        Ok(Members::NotYet) => return Ok(Look::NotYet),
        Ok(Members::NoneExists) => return Ok(done(unresolved, 0, true)),
        Ok(Members::Unknown) => {
            tracing::warn!(session.id = %unresolved.session, attempt = %unresolved.attempt,
                "member not found: nobody can tell what the attempt minted");
            return Ok(done(unresolved, 0, false));
        }
        Err(obstacle) => return Ok(Look::Failed(obstacle)),
    };
    let mut revoked = 0;
    for (organization, member) in members {
        match sweep_member(&organization, &member, tools).await? {
            Ok(count) => revoked += count,
            Err(obstacle) => return Ok(Look::Failed(obstacle)),
        }
    }
    Ok(done(unresolved, revoked, true))
}

fn done(unresolved: &Unresolved, revoked: u32, verifiable: bool) -> Look {
    Look::Done(Looked {
        attempt: unresolved.attempt,
        revoked,
        verifiable,
    })
}

enum Members {
    /// `(organization, member)`.
    Found(Vec<(String, String)>),
    NotYet,
    /// The legacy provider vouches for somebody who is no member: nothing can have been minted.
    NoneExists,
    Unknown,
}

/// Who the attempt may have minted for: as a reply or a mapping named the member, else by the
/// export's email. The email may be out of date, so it is used only when the session is final and
/// no reply will tell better.
async fn members(unresolved: &Unresolved, tools: &Tools) -> Result<Members, Obstacle> {
    if !unresolved.members.is_empty() {
        let named = unresolved.members.iter().map(|(organization, member)| {
            (
                organization
                    .clone()
                    .unwrap_or_else(|| unresolved.organization.clone()),
                member.clone(),
            )
        });
        return Ok(Members::Found(named.collect()));
    }
    if !unresolved.session_state.is_final() && unresolved.state == UnresolvedState::Unresolved {
        return Ok(Members::NotYet);
    }
    if unresolved.dead_reason == Some(DeadReason::MemberMissing) {
        return Ok(Members::NoneExists);
    }
    let Some(email) = &unresolved.email else {
        return Ok(Members::Unknown);
    };
    let member = find_member(&unresolved.organization, email, tools).await?;
    Ok(member.map_or(Members::Unknown, |member| {
        Members::Found(vec![(member.organization_id, member.member_id)])
    }))
}

/// Out of the share of the rate that is kept for look-ups.
pub(crate) async fn find_member(
    organization: &str,
    email: &str,
    tools: &Tools,
) -> Result<Option<Member>, Obstacle> {
    match tools.stytch.api() {
        Api::B2b => tools.limiter.reserved().await?,
        Api::Consumer => tools.limiter.search().await?,
    }
    Ok(tools.stytch.find_member(organization, email).await?)
}

/// Revokes the member's sessions that nobody recorded; returns how many.
async fn sweep_member(
    organization: &str,
    member: &str,
    tools: &Tools,
) -> Result<Result<u32, Obstacle>, LedgerError> {
    let listed = match list(organization, member, tools).await {
        Ok(listed) => listed,
        Err(obstacle) => return Ok(Err(obstacle)),
    };
    let ours: Vec<_> = listed
        .into_iter()
        .filter_map(|session| {
            session
                .attempt
                .map(|attempt| (session.member_session_id, attempt))
        })
        .collect();
    let mut revoked = 0;
    for session in tools.ledger.to_revoke(&ours).await? {
        if let Err(obstacle) = revoke(&session, tools).await {
            return Ok(Err(obstacle));
        }
        revoked += 1;
        tracing::debug!(member_session.id = %session, "revoked a session that nobody recorded");
    }
    Ok(Ok(revoked))
}

async fn list(
    organization: &str,
    member: &str,
    tools: &Tools,
) -> Result<Vec<ListedSession>, Obstacle> {
    tools.limiter.reserved().await?;
    Ok(tools.stytch.list_sessions(organization, member).await?)
}

async fn revoke(session: &str, tools: &Tools) -> Result<(), Obstacle> {
    tools.limiter.reserved().await?;
    Ok(tools.stytch.revoke(session).await?)
}
