//! How long to wait before the next attempt.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use rand::RngExt;
use rand::rngs::StdRng;

/// Waits that grow, each drawn from zero to its ceiling (full jitter), so that workers which lost
/// the broker together do not come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    bounds: ExponentialBuilder,
    ceilings: ExponentialBackoff,
    rng: StdRng,
}

impl Backoff {
    /// From `first`, doubling up to `last`.
    pub(super) fn new(first: Duration, last: Duration, rng: StdRng) -> Self {
        let bounds = ExponentialBuilder::default()
            .with_min_delay(first)
            .with_max_delay(last)
            .without_max_times();
        Self {
            bounds,
            ceilings: bounds.build(),
            rng,
        }
    }

    /// The next wait.
    pub(super) fn wait(&mut self) -> Duration {
        let ceiling = self.ceilings.next().expect("it has no end");
        ceiling.mul_f64(self.rng.random_range(0.0..=1.0))
    }

    /// It went well: the next wait is a short one.
    pub(super) fn reset(&mut self) {
        self.ceilings = self.bounds.build();
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn waits_stay_below_ceilings_that_double_up_to_the_last() {
        let (first, last) = (Duration::from_secs(1), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, last, StdRng::seed_from_u64(1));
        for _ in 0..2 {
            for ceiling in [1, 2, 4, 5, 5] {
                assert!(backoff.wait() <= Duration::from_secs(ceiling));
            }
            backoff.reset();
        }
    }
}
