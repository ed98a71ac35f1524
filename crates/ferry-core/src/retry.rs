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
    use std::fmt::Write;

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

    /// What the documentation says of the waits between `max_attempts` failures.
    fn as_markdown(policy: &RetryPolicy) -> String {
        let mut table =
            String::from("| after failure | waits at most | on average in all |\n|---|---|---|\n");
        let mut in_all = Duration::ZERO;
        for spent in 0..policy.max_attempts - 1 {
            let ceiling = policy.ceiling(spent);
            in_all += ceiling / 2;
            let (ceiling, in_all) = (ceiling.as_secs(), in_all.as_secs_f64());
            let _ = writeln!(table, "| {} | {ceiling} s | {in_all} s |", spent + 1);
        }
        let _ = writeln!(table, "| {} | dead | |", policy.max_attempts);
        table
    }

    #[test]
    fn the_documentation_has_this_schedule() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/failures.md");
        let page = std::fs::read_to_string(page).unwrap_or_default();
        let table = as_markdown(&RetryPolicy::default());
        assert!(
            page.contains(&table),
            "put this into docs/failures.md:\n{table}"
        );
    }

    #[test]
    fn the_jitter_is_full() {
        let (policy, mut rng) = (RetryPolicy::default(), StdRng::seed_from_u64(1));
        let ceiling = policy.ceiling(6);
        let tenths = (0..1000).map(|_| {
            let wait = policy.wait(6, &mut rng);
            (wait.as_millis() * 10 / (ceiling.as_millis() + 1)) as usize
        });
        let mut waits_in_each_tenth = [0; 10];
        tenths.for_each(|tenth| waits_in_each_tenth[tenth] += 1);
        assert!(
            waits_in_each_tenth
                .iter()
                .all(|waits| (60..=140).contains(waits)),
            "{waits_in_each_tenth:?}"
        );
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
