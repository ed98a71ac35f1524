//! What the worker tells, in the words of the metrics.

use std::sync::Arc;
use std::time::Duration;

use ferry_core::failure::{FailureClass, Judgement, judge};
use ferry_core::outcome::CallOutcome;
use ferry_ledger::claim::Claim;
use ferry_ledger::record::{End, Finished};
use ferry_metrics::{AttemptEnd, CallEnd, ClaimEnd, Instance, PermitLimit};
use ferry_worker::limiter::Limit;
use ferry_worker::observe::{HeldBack, Observe};

/// Counts what it is told.
#[derive(Debug)]
pub(crate) struct Told(pub(crate) Arc<Instance>);

impl Observe for Told {
    fn permitted(&self, held_back: Option<HeldBack>, waited: Duration) {
        self.0.permit(limit(held_back), waited);
    }

    fn claimed(&self, claims: &[Claim]) {
        let mut counts = [0; 7];
        for claim in claims {
            counts[answer(claim) as usize] += 1;
        }
        for claim in ANSWERS {
            self.0.claimed(claim, counts[claim as usize]);
        }
    }

    fn called(&self, outcome: &CallOutcome, took: Duration) {
        self.0.call(came_to(outcome), took);
    }

    fn recorded(&self, results: usize, took: Duration) {
        self.0.recorded(results, took);
    }

    fn ended(&self, finished: &Finished) {
        self.0.attempt(end(finished));
    }
}

const ANSWERS: [ClaimEnd; 7] = [
    ClaimEnd::Granted,
    ClaimEnd::Finished,
    ClaimEnd::HeldElsewhere,
    ClaimEnd::NotDue,
    ClaimEnd::Postponed,
    ClaimEnd::Paused,
    ClaimEnd::Unknown,
];

fn limit(held_back: Option<HeldBack>) -> PermitLimit {
    match held_back {
        None => PermitLimit::None,
        Some(HeldBack::Breaker) => PermitLimit::Breaker,
        Some(HeldBack::Rates(limit)) => match limit {
            Limit::Stytch => PermitLimit::Stytch,
            Limit::Refusals => PermitLimit::Refusals,
            Limit::Userinfo => PermitLimit::Userinfo,
            Limit::AskedToWait => PermitLimit::AskedToWait,
            Limit::Ledger => PermitLimit::Ledger,
        },
    }
}

fn answer(claim: &Claim) -> ClaimEnd {
    match claim {
        Claim::Granted(_) => ClaimEnd::Granted,
        Claim::Finished => ClaimEnd::Finished,
        Claim::HeldElsewhere => ClaimEnd::HeldElsewhere,
        Claim::NotDue => ClaimEnd::NotDue,
        Claim::Postponed => ClaimEnd::Postponed,
        Claim::Paused => ClaimEnd::Paused,
        Claim::Unknown => ClaimEnd::Unknown,
    }
}

fn came_to(outcome: &CallOutcome) -> CallEnd {
    match outcome {
        CallOutcome::Minted(_) => CallEnd::Minted,
        CallOutcome::Refused(refusal) if judge(refusal) == Judgement::Capacity => {
            CallEnd::TooManyRequests
        }
        CallOutcome::Refused(_) => CallEnd::Refused,
        CallOutcome::NotSent(_) => CallEnd::NotSent,
        CallOutcome::Unanswered(_) => CallEnd::Unanswered,
    }
}

fn end(finished: &Finished) -> AttemptEnd {
    let class = finished.failure.as_ref().map(|failure| failure.class);
    match &finished.end {
        End::Migrated(_) => AttemptEnd::Migrated,
        End::Skipped(reason) => AttemptEnd::Skipped(*reason),
        End::Dead(reason) => AttemptEnd::Dead(*reason),
        End::Queued => AttemptEnd::Halted,
        End::Waiting { .. } => match class {
            None | Some(FailureClass::Capacity) => AttemptEnd::ToldToWait,
            Some(class) => AttemptEnd::Retried(class),
        },
    }
}
