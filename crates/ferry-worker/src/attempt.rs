//! One call for one leased session, judged.

use ferry_core::Timestamp;
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

use crate::settings::Tools;

/// Makes the call for a leased session, unless a cheap look tells that it would be in vain, and
/// says what is to be recorded. A set-up fault pauses the run at once.
pub async fn attempt(lease: &Lease, tools: &Tools, rng: &mut (impl Rng + Send)) -> Finished {
    let (token, minutes) = match look(lease, tools, tools.ledger.now()) {
        Ok(callable) => callable,
        Err(end) => return Finished::new(lease, end, Spent::Nothing, None),
    };
    let outcome = call(lease, tools, token, minutes).await;
    fail::fail_point!("after-call", |_| std::process::abort());
    let decision = decide(
        &outcome,
        &attempted(lease),
        &tools.settings.retry,
        tools.ledger.now(),
        rng,
    );
    if let Disposition::Halt(cause) = decision.disposition {
        tracing::error!(run.id = %lease.run, %cause, remedy = cause.remedy(), "run paused");
        if let Err(error) = tools.ledger.pause(lease.run, cause).await {
            tracing::error!(run.id = %lease.run, %error, "run could not be paused");
        }
    }
    match decision.disposition {
        Disposition::Defer { after } => tools.pace.told_to_wait(after),
        _ => tools.pace.answered(),
    }
    let undone = match &outcome {
        CallOutcome::Minted(minted) if decision.unresolved => undo(minted, lease, tools).await,
        _ => false,
    };
    finish(lease, outcome, &decision, undone, tools)
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
    if lease.until.since(tools.ledger.now()) < tools.settings.call_timeout {
        return CallOutcome::NotSent(NotSent::LeaseTooShort);
    }
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

fn attempted(lease: &Lease) -> AttemptedSession<'_> {
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
    tools.pace.permit().await;
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
