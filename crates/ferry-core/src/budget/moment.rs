use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A moment of the ledger's clock, in microseconds since the Unix epoch.
///
/// Finer than [`Timestamp`], since calls of one budget may be 100 µs apart; as fine as
/// PostgreSQL's clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// Earlier than any real one: no bound.
    pub const EARLIEST: Self = Self(i64::MIN);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(microseconds: i64) -> Self {
        Self(microseconds)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// `self` + `duration`, in whole microseconds.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// `self` − `duration`, in whole microseconds.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// How long from `earlier` to `self`; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The first edge of a fixed window of this length after `self`. Stytch's windows are aligned
    /// to the hour, so those of a length that divides an hour are aligned to the epoch.
    #[must_use]
    pub fn next_edge(self, window: Duration) -> Self {
        let window = micros(window).max(1);
        Self((self.0.div_euclid(window) + 1).saturating_mul(window))
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_millis().saturating_mul(1000))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_always_ahead() {
        let edge_after = |at| Moment::from_micros(at).next_edge(Duration::from_secs(1));
        assert_eq!(edge_after(0), Moment::from_micros(1_000_000));
        assert_eq!(edge_after(999_999), Moment::from_micros(1_000_000));
        assert_eq!(edge_after(-1), Moment::from_micros(0));
    }
}
