//! What the legacy provider's own answer makes of an ambiguous refusal.

use std::time::Duration;

use rand::Rng;

use super::{Decision, Disposition, Spent, UNREACHABLE_STEP, spread};
use crate::failure::FailureClass;
use crate::reason::DeadReason;
use crate::retry::RetryPolicy;

/// What UserInfo says of a token, asked by Ferry itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It refuses the token, with this HTTP status.
    Refused(u16),
    /// It asks to wait.
    Busy {
        /// How long, if it says so.
        retry_after: Option<Duration>,
    },
    /// It is down: 5xx, no answer in time, or no connection where there was one before.
    Down,
    /// It vouches for the token and names no email.
    NoEmail,
    /// It vouches for the token and names an email.
    Email,
    /// What answered is not UserInfo, or speaks another form than JSON.
    Unusable,
    /// No connection, and there never was one: that says something of this machine's network, and
    /// nothing of the provider.
    Unreachable,
}

impl Decision {
    /// Whether UserInfo's answer could change it.
    pub fn is_ambiguous(&self) -> bool {
        self.class == Some(FailureClass::Ambiguous)
            && !matches!(self.disposition, Disposition::Halt(_))
    }

    /// The same, knowing what UserInfo says. A refused token and a missing email are the session's
    /// own; an outage and a limit of the provider cost it nothing; whatever else leaves it as it was
    /// decided: tried again, so many times.
    #[must_use]
    pub fn told(self, verdict: Verdict, policy: &RetryPolicy, rng: &mut impl Rng) -> Self {
        let (disposition, class) = match verdict {
            Verdict::Refused(_) => (
                Disposition::Dead(DeadReason::TokenRefused),
                FailureClass::Session,
            ),
            Verdict::NoEmail => (
                Disposition::Dead(DeadReason::EmailMissing),
                FailureClass::Session,
            ),
            Verdict::Busy { retry_after } => {
                let after = retry_after
                    .unwrap_or_else(|| policy.wait(UNREACHABLE_STEP, rng))
                    // No run is paused for the sake of one person's limit: it is asked again.
                    .min(policy.longest_retry_after);
                let after = after + spread(rng);
                (Disposition::Defer { after }, FailureClass::Capacity)
            }
            Verdict::Down => {
                let after = policy.wait(UNREACHABLE_STEP, rng);
                (Disposition::Defer { after }, FailureClass::Transient)
            }
            Verdict::Email | Verdict::Unusable | Verdict::Unreachable => return self,
        };
        Self {
            disposition,
            class: Some(class),
            spent: Spent::Nothing,
            unresolved: self.unresolved,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::reason::PauseCause;

    fn ambiguous(disposition: Disposition) -> Decision {
        Decision {
            disposition,
            class: Some(FailureClass::Ambiguous),
            spent: Spent::Attempt,
            unresolved: false,
        }
    }

    fn last_attempt() -> Decision {
        ambiguous(Disposition::Dead(DeadReason::UserinfoUnusable))
    }

    fn told(verdict: Verdict) -> Decision {
        let mut rng = StdRng::seed_from_u64(1);
        last_attempt().told(verdict, &RetryPolicy::default(), &mut rng)
    }

    #[test]
    fn what_is_the_sessions_own_is_final_at_once() {
        for (verdict, reason) in [
            (Verdict::Refused(401), DeadReason::TokenRefused),
            (Verdict::NoEmail, DeadReason::EmailMissing),
        ] {
            let decision = told(verdict);
            assert_eq!(decision.disposition, Disposition::Dead(reason));
            assert_eq!(decision.class, Some(FailureClass::Session));
        }
    }

    #[test]
    fn an_outage_and_a_limit_cost_nothing_even_at_the_last_attempt() {
        let minute = Some(Duration::from_mins(1));
        for verdict in [
            Verdict::Down,
            Verdict::Busy { retry_after: None },
            Verdict::Busy {
                retry_after: minute,
            },
        ] {
            let decision = told(verdict);
            assert_eq!(decision.spent, Spent::Nothing, "{verdict:?}");
            assert!(
                matches!(decision.disposition, Disposition::Defer { .. }),
                "{decision:?}"
            );
        }
    }

    #[test]
    fn a_wait_that_is_asked_for_is_kept_within_the_longest() {
        let policy = RetryPolicy::default();
        let wait = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            match told(Verdict::Busy { retry_after }).disposition {
                Disposition::Defer { after } => after,
                other => panic!("{other:?}"),
            }
        };
        assert!(wait(12) >= Duration::from_secs(12));
        assert!(wait(u64::MAX) < policy.longest_retry_after + Duration::from_secs(1));
    }

    #[test]
    fn what_tells_nothing_changes_nothing() {
        for verdict in [Verdict::Email, Verdict::Unusable, Verdict::Unreachable] {
            assert_eq!(told(verdict), last_attempt(), "{verdict:?}");
        }
    }

    #[test]
    fn only_an_ambiguous_refusal_is_a_question() {
        assert!(last_attempt().is_ambiguous());
        assert!(!ambiguous(Disposition::Halt(PauseCause::LongWait)).is_ambiguous());
        let transient = Decision {
            class: Some(FailureClass::Transient),
            ..last_attempt()
        };
        assert!(!transient.is_ambiguous());
    }
}
