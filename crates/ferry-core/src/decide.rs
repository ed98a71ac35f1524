//! From the outcome of a call to what happens to its session.

mod member;
mod verdict;

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::Timestamp;
use crate::failure::{FailureClass, Judgement, judge, may_have_minted};
use crate::identity::{self, Expected};
use crate::outcome::{CallOutcome, NotSent, Refusal};
use crate::reason::{DeadReason, PauseCause, SkipReason};
use crate::retry::RetryPolicy;

pub use member::{Creation, decide_after_creation};
pub use verdict::Verdict;

/// What an attempt leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Carried: the mapping is written.
    Migrated,
    /// Tried again after a wait.
    Retry {
        /// The wait.
        after: Duration,
    },
    /// Told to wait: tried again, no attempt spent.
    Defer {
        /// The wait.
        after: Duration,
    },
    /// Not to be carried.
    Skip(SkipReason),
    /// A dead letter.
    Dead(DeadReason),
    /// The session is as it was, its run pauses.
    Halt(PauseCause),
}

/// Which of a session's two bounds an attempt counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// None: the session was not at fault, or is final anyway.
    Nothing,
    /// [`RetryPolicy::max_attempts`].
    Attempt,
    /// [`RetryPolicy::max_unknown_outcomes`].
    UnknownOutcome,
}

/// A judged attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What happens to the session.
    pub disposition: Disposition,
    /// Under which class a failure is counted; `None` for a success.
    pub class: Option<FailureClass>,
    /// What the attempt counts against.
    pub spent: Spent,
    /// The call may have minted a session that is not recorded: the sweeper must look.
    pub unresolved: bool,
}

impl Decision {
    /// The same in an outage, while the breaker is not closed: a failure of the other side costs
    /// the session nothing and makes no dead letter; it waits `after`. What is not of the outage
    /// stays as it was decided.
    #[must_use]
    pub fn in_outage(self, after: Duration) -> Self {
        let of_the_outage = matches!(
            self.class,
            Some(FailureClass::Transient | FailureClass::UnknownOutcome)
        );
        let is_final = matches!(
            self.disposition,
            Disposition::Skip(_) | Disposition::Halt(_) | Disposition::Migrated
        );
        if !of_the_outage || is_final {
            return self;
        }
        let waits = match self.disposition {
            Disposition::Retry { after: own } | Disposition::Defer { after: own } => own,
            _ => Duration::ZERO,
        };
        Self {
            disposition: Disposition::Defer {
                after: waits.max(after),
            },
            spent: Spent::Nothing,
            ..self
        }
    }
}

/// What is known of the session when its call has come back.
#[derive(Debug, Clone, Copy)]
pub struct AttemptedSession<'a> {
    /// The person in the row.
    pub expected: Expected<'a>,
    /// Until when a call can be made.
    pub token_expires_at: Timestamp,
    /// Failed attempts so far.
    pub attempts_spent: u32,
    /// Attempts of unknown outcome so far.
    pub unknown_outcomes: u32,
}

/// Judges an attempt. Total: every outcome of every session has a decision.
pub fn decide(
    outcome: &CallOutcome,
    session: &AttemptedSession<'_>,
    policy: &RetryPolicy,
    now: Timestamp,
    rng: &mut impl Rng,
) -> Decision {
    let case = Case {
        session,
        policy,
        now,
    };
    match outcome {
        CallOutcome::Minted(minted) => match identity::compare(session.expected, minted) {
            Ok(()) => carried(),
            Err(_) => another_person(),
        },
        CallOutcome::Refused(refusal) => case.refused(refusal, rng),
        CallOutcome::NotSent(NotSent::LeaseTooShort) => Decision {
            disposition: Disposition::Defer {
                after: Duration::ZERO,
            },
            class: Some(FailureClass::Capacity),
            spent: Spent::Nothing,
            unresolved: false,
        },
        // Not an attempt either: an outage must not make dead letters.
        CallOutcome::NotSent(NotSent::Unreachable) => Decision {
            disposition: Disposition::Defer {
                after: policy.wait(UNREACHABLE_STEP, rng),
            },
            class: Some(FailureClass::Transient),
            spent: Spent::Nothing,
            unresolved: false,
        },
        CallOutcome::Unanswered(_) => case.unknown_outcome(rng),
    }
}

/// While Stytch cannot be reached, a session waits as after so many spent attempts: up to 8 s with
/// the default policy.
const UNREACHABLE_STEP: u32 = 3;

/// Who is told to wait for another reason than the rate comes back as after so many spent attempts:
/// up to 64 s with the default policy.
const LATER_STEP: u32 = 6;

/// Halved into what is left of a token's life, such a wait does not become shorter than this.
const SHORTEST_LATER: Duration = Duration::from_secs(1);

fn carried() -> Decision {
    Decision {
        disposition: Disposition::Migrated,
        class: None,
        spent: Spent::Nothing,
        unresolved: false,
    }
}

fn another_person() -> Decision {
    Decision {
        disposition: Disposition::Dead(DeadReason::IdentityMismatch),
        class: Some(FailureClass::Session),
        spent: Spent::Nothing,
        // Until the worker has revoked it.
        unresolved: true,
    }
}

/// A failed call and what its judgement depends on.
struct Case<'a> {
    session: &'a AttemptedSession<'a>,
    policy: &'a RetryPolicy,
    now: Timestamp,
}

impl Case<'_> {
    fn refused(&self, refusal: &Refusal, rng: &mut impl Rng) -> Decision {
        let judgement = judge(refusal);
        let at_least = refusal.retry_after.unwrap_or_default();
        let disposition = match judgement {
            Judgement::Session(reason) => Disposition::Dead(reason),
            Judgement::SetUp(cause) => Disposition::Halt(cause),
            _ if at_least > self.policy.longest_retry_after => {
                Disposition::Halt(PauseCause::LongWait)
            }
            Judgement::Capacity => {
                let after = refusal
                    .retry_after
                    .unwrap_or_else(|| to_the_windows_edge(self.now));
                Disposition::Defer {
                    after: after + spread(rng),
                }
            }
            Judgement::Later => self.later(at_least, rng),
            Judgement::Transient => self.retry(at_least, DeadReason::AttemptsExhausted, rng),
            Judgement::Ambiguous => self.retry(at_least, DeadReason::UserinfoUnusable, rng),
        };
        let spends = judgement.spends_an_attempt() && !matches!(disposition, Disposition::Halt(_));
        Decision {
            disposition,
            class: Some(judgement.class()),
            spent: if spends {
                Spent::Attempt
            } else {
                Spent::Nothing
            },
            unresolved: may_have_minted(refusal),
        }
    }

    fn unknown_outcome(&self, rng: &mut impl Rng) -> Decision {
        let unknown = self.session.unknown_outcomes;
        let disposition = if unknown + 1 >= self.policy.max_unknown_outcomes {
            Disposition::Dead(DeadReason::OutcomeUnknown)
        } else {
            self.within_the_tokens_life(self.policy.wait(unknown, rng))
        };
        Decision {
            disposition,
            class: Some(FailureClass::UnknownOutcome),
            spent: Spent::UnknownOutcome,
            unresolved: true,
        }
    }

    fn retry(&self, at_least: Duration, exhausted: DeadReason, rng: &mut impl Rng) -> Disposition {
        let spent = self.session.attempts_spent;
        if spent + 1 >= self.policy.max_attempts {
            return Disposition::Dead(exhausted);
        }
        let wait = self.policy.wait(spent, rng);
        if at_least > wait {
            Disposition::Retry { after: at_least }
        } else {
            self.within_the_tokens_life(wait)
        }
    }

    /// Nothing is spent, so only the token's end bounds it: the waits are those of many attempts.
    fn later(&self, at_least: Duration, rng: &mut impl Rng) -> Disposition {
        let wait = self.policy.wait(LATER_STEP, rng);
        match self.within_the_tokens_life(wait) {
            Disposition::Retry { after } => Disposition::Defer {
                after: after.max(SHORTEST_LATER).max(at_least),
            },
            over => over,
        }
    }

    /// A wait that would outlast the token is halved into what is left of it: a session is not
    /// lost to a wait that nobody asked for. With no time left, it has expired.
    fn within_the_tokens_life(&self, wait: Duration) -> Disposition {
        let left = self.session.token_expires_at.since(self.now);
        if left.is_zero() {
            Disposition::Skip(SkipReason::Expired)
        } else {
            Disposition::Retry {
                after: wait.min(left / 2),
            }
        }
    }
}

/// Stytch's windows are fixed, not sliding; their length for this endpoint is not published. A
/// whole second is the shortest that its figures are given in.
fn to_the_windows_edge(now: Timestamp) -> Duration {
    const WINDOW_MILLISECONDS: i64 = 1000;
    let into = now.as_millis().rem_euclid(WINDOW_MILLISECONDS);
    Duration::from_millis(u64::try_from(WINDOW_MILLISECONDS - into).unwrap_or_default())
}

/// Sessions that were told to wait together do not come back in the same instant.
fn spread(rng: &mut impl Rng) -> Duration {
    const SPREAD_MILLISECONDS: u64 = 500;
    Duration::from_millis(rng.random_range(0..SPREAD_MILLISECONDS))
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
