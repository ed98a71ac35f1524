//! One call for one leased session, judged.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::breaker::{BreakerState, Health};
use ferry_core::burst;
use ferry_core::decide::{AttemptedSession, Decision, Disposition, Spent, decide};
use ferry_core::failure::FailureClass;
use ferry_core::identity::Expected;
use ferry_core::outcome::{CallOutcome, MintedSession, NotSent, Refusal};
use ferry_core::reason::{DeadReason, SkipReason};
use ferry_ledger::claim::Lease;
use ferry_ledger::record::{End, FailedAttempt, Finished, Unrecorded};
use ferry_stytch::MigrateRequest;
use rand::Rng;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::breaker::Admitted;
use crate::limiter::Permit;
use crate::settings::Tools;
use crate::{members, probe};

/// What one call needs. Dropped without a call, it goes to another one.
#[derive(Debug)]
pub struct Pass {
    /// Of the rates that all share.
    pub permit: Permit,
    /// Of the breaker: Stytch is up, or the call is a canary.
    pub admitted: Admitted,
}

/// An attempt that is over.
#[derive(Debug)]
pub struct Attempted {
    /// For the ledger.
    pub finished: Finished,
    /// For the run's watch: what it came to, and a hash of the person.
    pub watched: Option<(burst::Finished, u32)>,
}

impl Attempted {
    /// The session is as it was, and due.
    pub(crate) fn not_called(lease: &Lease) -> Self {
        let end = End::Waiting {
            after: Duration::ZERO,
        };
        Self {
            finished: Finished::new(lease, end, Spent::Nothing, None),
            watched: None,
        }
    }
}

/// Makes the call for a leased session, unless a cheap look tells that it would be in vain, and
/// says what is to be recorded. A set-up fault pauses the run at once.
pub async fn attempt(
    lease: &Lease,
    pass: Pass,
    tools: &Tools,
    rng: &mut (impl Rng + Send),
) -> Attempted {
    let reached = match reach(lease, pass, tools).await {
        Ok(reached) => reached,
        Err(end) => {
            return Attempted {
                finished: Finished::new(lease, end, Spent::Nothing, None),
                watched: None,
            };
        }
    };
    fail::fail_point!("after-call", |_| std::process::abort());
    let decision = judge(&reached, lease, tools, rng);
    let Reached { outcome, .. } = reached;
    let decision = probe::settle(decision, lease, tools, rng).await;
    let (outcome, decision) = members::supply((outcome, decision), lease, tools, rng).await;
    if let Disposition::Halt(cause) = decision.disposition {
        tracing::error!(run.id = %lease.run, %cause, remedy = cause.remedy(), "run paused");
        if let Err(error) = tools.ledger.pause(lease.run, cause).await {
            tracing::error!(run.id = %lease.run, %error, "run could not be paused");
        }
    }
    let undone = match &outcome {
        CallOutcome::Minted(minted) if decision.unresolved => undo(minted, lease, tools).await,
        _ => false,
    };
    // Each session once: at the end of a run the retries of a few are most of its last attempts.
    let is_told = decision.class == Some(FailureClass::Ambiguous) && lease.attempts_spent > 0;
    let watched = burst::Finished::of(&outcome, &decision).filter(|_| !is_told);
    Attempted {
        watched: watched.map(|finished| (finished, person(lease))),
        finished: finish(lease, outcome, &decision, undone, tools),
    }
}

/// A session that lost its permit (its claim took too long, or Stytch asked to wait) waits so long
/// for another, if its lease allows; then it is as it was. With the call's timeout it is less than
/// what a process has to end in.
const PERMIT_PATIENCE: Duration = Duration::from_secs(8);

/// A call's outcome, and how the breaker took it.
struct Reached {
    outcome: CallOutcome,
    breaker: BreakerState,
}

/// Waits for the permit's time and makes the call. An error: the session needs none.
async fn reach(lease: &Lease, pass: Pass, tools: &Tools) -> Result<Reached, End> {
    look(lease, tools, tools.ledger.now())?;
    let not_sent = || Reached {
        outcome: CallOutcome::NotSent(NotSent::LeaseTooShort),
        breaker: tools.breaker.state(),
    };
    let time_to_begin = |now| {
        let left = lease.until.since(now);
        left.checked_sub(tools.settings.call_timeout)
    };
    let Some(left) = time_to_begin(tools.ledger.now()) else {
        return Ok(not_sent());
    };
    let patience = left.min(PERMIT_PATIENCE);
    let Ok(permit) = tokio::time::timeout(patience, pass.permit.opened()).await else {
        return Ok(not_sent());
    };
    // It may have waited for a while.
    let now = tools.ledger.now();
    let (token, minutes) = look(lease, tools, now)?;
    if time_to_begin(now).is_none() {
        return Ok(not_sent());
    }
    let evidence = permit.leave();
    tools.tally.in_flight.fetch_add(1, Ordering::Relaxed);
    let began = Instant::now();
    let outcome = call(lease, tools, token, minutes).await;
    tools.observer.called(&outcome, began.elapsed());
    tools.tally.in_flight.fetch_sub(1, Ordering::Relaxed);
    tools.limiter.answered(evidence, &outcome);
    let breaker = pass.admitted.record(Health::of(&outcome));
    Ok(Reached { outcome, breaker })
}

/// In an outage a failure of the other side costs the session nothing.
fn judge(
    Reached { outcome, breaker }: &Reached,
    lease: &Lease,
    tools: &Tools,
    rng: &mut impl Rng,
) -> Decision {
    let settings = &tools.settings;
    let now = tools.ledger.now();
    let decision = decide(outcome, &attempted(lease), &settings.retry, now, rng);
    if *breaker == BreakerState::Closed {
        return decision;
    }
    decision.in_outage(settings.retry.wait(OUTAGE_STEP, rng))
}

/// In an outage a session waits as after so many spent attempts: up to 8 s with the default policy.
pub(crate) const OUTAGE_STEP: u32 = 3;

/// A hash of the person, the same in every process.
fn person(lease: &Lease) -> u32 {
    let mut hasher = DefaultHasher::new();
    match &lease.facts.subject {
        Some(subject) => subject.hash(&mut hasher),
        None => (&lease.organization, &lease.facts.email).hash(&mut hasher),
    }
    let hash = hasher.finish();
    u32::try_from(hash >> u32::BITS).expect("32 bits are left")
}

/// What costs no call: a token that is over or does not open, a session that is over.
fn look<'a>(
    lease: &'a Lease,
    tools: &Tools,
    now: Timestamp,
) -> Result<(&'a SecretString, u32), End> {
    let settings = &tools.settings;
    if lease.unknown_outcomes >= settings.retry.max_unknown_outcomes {
        return Err(End::Dead(DeadReason::OutcomeUnknown));
    }
    if lease.facts.token_expires_at <= now {
        return Err(End::Skipped(SkipReason::Expired));
    }
    let Some(minutes) = settings.grant.minutes(&lease.facts.clock, now) else {
        return Err(End::Skipped(SkipReason::SessionOver));
    };
    match &lease.access_token {
        Ok(token) => Ok((token, minutes)),
        Err(_) => Err(End::Dead(DeadReason::SealBroken)),
    }
}

async fn call(lease: &Lease, tools: &Tools, token: &SecretString, minutes: u32) -> CallOutcome {
    let request = MigrateRequest {
        access_token: token,
        organization: &lease.organization,
        minutes,
        attempt: lease.attempt,
        custom_claims: lease.custom_claims.as_deref(),
    };
    fail::fail_point!("before-call", |_| std::process::abort());
    tools.stytch.migrate(&request).await
}

pub(crate) fn attempted(lease: &Lease) -> AttemptedSession<'_> {
    AttemptedSession {
        expected: Expected {
            organization: &lease.organization,
            external_id: lease.facts.external_id.as_deref(),
            email: lease.facts.email.as_deref(),
        },
        token_expires_at: lease.facts.token_expires_at,
        attempts_spent: lease.attempts_spent,
        unknown_outcomes: lease.unknown_outcomes,
    }
}

/// Revokes a session that was minted for another person. If that fails, the attempt stays
/// unresolved and the sweeper does it.
async fn undo(minted: &MintedSession, lease: &Lease, tools: &Tools) -> bool {
    tracing::warn!(
        session.id = %lease.session,
        "Stytch answered for another person; revoking what it minted"
    );
    if let Err(error) = tools.limiter.reserved().await {
        tracing::warn!(session.id = %lease.session, %error, "left to the sweeper");
        return false;
    }
    match tools.stytch.revoke(&minted.member_session_id).await {
        Ok(()) => true,
        Err(failure) => {
            tracing::warn!(session.id = %lease.session, %failure, "left to the sweeper");
            false
        }
    }
}

fn finish(
    lease: &Lease,
    outcome: CallOutcome,
    decision: &Decision,
    undone: bool,
    tools: &Tools,
) -> Finished {
    let unresolved = (decision.unresolved && !undone).then(|| {
        let minted = match &outcome {
            CallOutcome::Minted(minted) => Some(minted),
            _ => None,
        };
        Unrecorded {
            quiet: tools.settings.quiet,
            organization_id: minted
                .and_then(|m| m.organization.as_ref())
                .map(|o| o.id.clone()),
            member_id: minted.map(|m| m.member_id.clone()),
        }
    });
    let failure = decision
        .class
        .map(|class| failed(class, &outcome, unresolved));
    let end = match (decision.disposition, outcome) {
        (Disposition::Migrated, CallOutcome::Minted(minted)) => End::Migrated(minted),
        (Disposition::Retry { after } | Disposition::Defer { after }, _) => End::Waiting { after },
        (Disposition::Skip(reason), _) => End::Skipped(reason),
        (Disposition::Dead(reason), _) => End::Dead(reason),
        (Disposition::Halt(_) | Disposition::Migrated, _) => End::Queued,
    };
    Finished::new(lease, end, decision.spent, failure)
}

fn failed(
    class: FailureClass,
    outcome: &CallOutcome,
    unresolved: Option<Unrecorded>,
) -> FailedAttempt {
    let refusal: Option<&Refusal> = match outcome {
        CallOutcome::Refused(refusal) => Some(refusal),
        _ => None,
    };
    FailedAttempt {
        class,
        http_status: refusal.map(|refusal| refusal.status),
        error_type: refusal.and_then(|refusal| refusal.error_type.clone()),
        request_id: refusal.and_then(|refusal| refusal.request_id.clone()),
        unresolved,
    }
}
