//! What creating a missing member makes of the attempt that missed it.

use std::time::Duration;

use rand::Rng;

use super::{AttemptedSession, Case, Decision, Disposition, Spent, decide};
use crate::Timestamp;
use crate::failure::FailureClass;
use crate::outcome::CallOutcome;
use crate::reason::DeadReason;
use crate::retry::RetryPolicy;

/// What came of creating a member.
#[derive(Debug, Clone)]
pub enum Creation {
    /// The member is there now.
    Created,
    /// It was there already: somebody else was faster, or UserInfo names another email than the row.
    AlreadyThere,
    /// It could not be created. Never [`CallOutcome::Minted`].
    Failed(CallOutcome),
}

impl Decision {
    /// Whether a member is missing, and creating it can help: another attempt is left.
    pub fn is_of_a_missing_member(
        &self,
        session: &AttemptedSession<'_>,
        policy: &RetryPolicy,
    ) -> bool {
        self.disposition == Disposition::Dead(DeadReason::MemberMissing)
            && session.attempts_spent + 1 < policy.max_attempts
    }
}

/// Judges an attempt whose member was missing, and for which one was created meanwhile.
///
/// The attempt is spent, so that a person whom UserInfo knows by another email than the row ends as
/// `member_missing` after [`RetryPolicy::max_attempts`]. Right after a creation it is made again at
/// once; when the member was there already, after a wait, for Stytch may need a moment to find it.
pub fn decide_after_creation(
    creation: &Creation,
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
    let (disposition, class) = match creation {
        Creation::Created => {
            let after = Duration::ZERO;
            (Disposition::Retry { after }, FailureClass::Session)
        }
        Creation::AlreadyThere => {
            let again = case.retry(Duration::ZERO, DeadReason::MemberMissing, rng);
            (again, FailureClass::Session)
        }
        // Creating twice does no harm, so a lost reply is like a refusal that passes.
        Creation::Failed(CallOutcome::Unanswered(_)) => {
            let again = case.retry(Duration::ZERO, DeadReason::AttemptsExhausted, rng);
            (again, FailureClass::Transient)
        }
        Creation::Failed(outcome) => {
            return Decision {
                unresolved: false,
                ..decide(outcome, session, policy, now, rng)
            };
        }
    };
    Decision {
        disposition,
        class: Some(class),
        spent: Spent::Attempt,
        unresolved: false,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::identity::Expected;
    use crate::outcome::{ErrorType, Refusal, Unanswered};
    use crate::reason::PauseCause;

    const NOON: Timestamp = Timestamp::from_seconds(1_767_268_800);

    fn session(attempts_spent: u32) -> AttemptedSession<'static> {
        AttemptedSession {
            expected: Expected {
                organization: "acme",
                external_id: None,
                email: Some("alice@example.com"),
            },
            token_expires_at: Timestamp::NEVER,
            attempts_spent,
            unknown_outcomes: 0,
        }
    }

    fn after(creation: &Creation, attempts_spent: u32) -> Decision {
        let mut rng = StdRng::seed_from_u64(1);
        let policy = RetryPolicy::default();
        decide_after_creation(creation, &session(attempts_spent), &policy, NOON, &mut rng)
    }

    fn refused(status: u16, error_type: &str) -> Creation {
        Creation::Failed(CallOutcome::Refused(Refusal {
            status,
            error_type: Some(ErrorType::sanitized(error_type)),
            request_id: None,
            retry_after: None,
        }))
    }

    #[test]
    fn a_created_member_is_tried_at_once_and_spends_an_attempt() {
        let decision = after(&Creation::Created, 0);
        let at_once = Disposition::Retry {
            after: Duration::ZERO,
        };
        assert_eq!(decision.disposition, at_once);
        assert_eq!(decision.spent, Spent::Attempt);
    }

    #[test]
    fn a_member_that_is_there_and_is_not_found_ends_as_missing() {
        let attempts = RetryPolicy::default().max_attempts;
        let decision = after(&Creation::AlreadyThere, attempts - 2);
        assert!(matches!(decision.disposition, Disposition::Retry { .. }));
        let last = after(&Creation::AlreadyThere, attempts - 1);
        let missing = Disposition::Dead(DeadReason::MemberMissing);
        assert_eq!(last.disposition, missing);
    }

    #[test]
    fn with_one_attempt_left_nobody_is_created() {
        let policy = RetryPolicy::default();
        let missing = Decision {
            disposition: Disposition::Dead(DeadReason::MemberMissing),
            class: Some(FailureClass::Session),
            spent: Spent::Nothing,
            unresolved: false,
        };
        for (spent, can_help) in [
            (0, true),
            (policy.max_attempts - 2, true),
            (policy.max_attempts - 1, false),
        ] {
            let helps = missing.is_of_a_missing_member(&session(spent), &policy);
            assert_eq!(helps, can_help, "{spent}");
        }
    }

    #[test]
    fn a_failed_creation_is_judged_as_any_call_and_leaves_nothing_to_sweep() {
        let halt = after(&refused(401, "unauthorized_credentials"), 0);
        let credentials = Disposition::Halt(PauseCause::Credentials);
        assert_eq!(halt.disposition, credentials);
        let wait = after(&refused(429, "too_many_requests"), 0);
        assert!(matches!(wait.disposition, Disposition::Defer { .. }));
        assert_eq!(wait.spent, Spent::Nothing);
        let broken = after(&refused(500, "internal_server_error"), 0);
        assert!(matches!(broken.disposition, Disposition::Retry { .. }));
        let lost = Creation::Failed(CallOutcome::Unanswered(Unanswered::TimedOut));
        let lost = after(&lost, 0);
        assert_eq!(lost.spent, Spent::Attempt);
        for decision in [halt, wait, broken, lost] {
            assert!(!decision.unresolved, "{decision:?}");
        }
    }
}
