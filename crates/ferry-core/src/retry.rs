//! How long to wait before the next attempt.

use std::time::Duration;

use rand::{Rng, RngExt};

/// Bounds on retrying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first wait is drawn from zero to this; it doubles with each attempt spent.
    pub base: Duration,
    /// No wait is drawn from beyond this.
    pub cap: Duration,
    /// A session with so many spent attempts is dead.
    pub max_attempts: u32,
    /// A session with so many attempts of unknown outcome is dead. A bound of its own, far above
    /// [`RetryPolicy::max_attempts`]: crashes of ours are not the session's fault.
    pub max_unknown_outcomes: u32,
    /// A `Retry-After` above this is not obeyed by waiting: the run pauses instead.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_mins(5),
            max_attempts: 8,
            max_unknown_outcomes: 40,
            longest_retry_after: Duration::from_hours(1),
        }
    }
}

impl RetryPolicy {
    /// The longest wait after `spent` attempts (0 for the first failure): `base` × 2^`spent`, at
    /// most `cap`.
    pub fn ceiling(&self, spent: u32) -> Duration {
        let factor = 2_u32.checked_pow(spent).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// A wait with full jitter: anything from zero to [`RetryPolicy::ceiling`], so that sessions
    /// that failed together do not come back together.
    pub fn wait(&self, spent: u32, rng: &mut impl Rng) -> Duration {
        let ceiling = u64::try_from(self.ceiling(spent).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(rng.random_range(0..=ceiling))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let seconds: Vec<_> = (0..10)
            .map(|spent| RetryPolicy::default().ceiling(spent).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_above_its_ceiling(spent in any::<u32>(), seed in any::<u64>()) {
            let policy = RetryPolicy::default();
            let wait = policy.wait(spent, &mut StdRng::seed_from_u64(seed));
            prop_assert!(wait <= policy.ceiling(spent));
            prop_assert!(wait <= policy.cap);
        }
    }
}
