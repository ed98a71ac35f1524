use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::PERMIT_LIFE;

/// Calls per second: from one in an hour to 10,000 per second.
///
/// The upper bound is where whole microseconds of spacing still cost less than 1 % of the rate.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

/// The number is no rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} calls per second is not a rate: give a number from 0.00028 (one in an hour) to 10000")]
pub struct InvalidRate(f64);

/// A share of a rate: above 0, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Rate {
    /// One call in an hour.
    pub const LOWEST: Self = Self(1.0 / 3600.0);
    /// 10,000 calls per second.
    pub const HIGHEST: Self = Self(10_000.0);

    /// A rate in calls per second.
    pub fn per_second(calls: f64) -> Result<Self, InvalidRate> {
        let rate = Self(calls);
        if rate >= Self::LOWEST && rate <= Self::HIGHEST {
            Ok(rate)
        } else {
            Err(InvalidRate(calls))
        }
    }

    /// A rate in calls per minute.
    pub fn per_minute(calls: f64) -> Result<Self, InvalidRate> {
        Self::per_second(calls / 60.0)
    }

    /// Calls per second.
    pub const fn as_per_second(self) -> f64 {
        self.0
    }

    /// The share of this rate, at least [`Rate::LOWEST`].
    #[must_use]
    pub fn times(self, share: Share) -> Self {
        Self((self.0 * share.0).max(Self::LOWEST.0))
    }

    /// The lower of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// From one planned time to the next, in whole microseconds, rounded up.
    ///
    /// From one per second on: (1 s + [`PERMIT_LIFE`]) / L. Below: 1 s / L + [`PERMIT_LIFE`], for
    /// then no second could hold two anyway, and the promise is of 1/L seconds.
    pub fn spacing(self) -> Duration {
        const SECOND: f64 = 1e6;
        const LIFE: f64 = PERMIT_LIFE.as_secs_f64() * SECOND;
        let microseconds = if self.0 >= 1.0 {
            (SECOND + LIFE) / self.0
        } else {
            SECOND / self.0 + LIFE
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate has bounds: from 102 to 3,600,020,000 microseconds"
        )]
        Duration::from_micros(microseconds.ceil() as u64)
    }
}

impl TryFrom<f64> for Rate {
    type Error = InvalidRate;

    fn try_from(calls: f64) -> Result<Self, InvalidRate> {
        Self::per_second(calls)
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.0 * 100.0).round() / 100.0;
        if self.0 < 1.0 {
            write!(f, "{}/min", (self.0 * 6000.0).round() / 100.0)
        } else {
            write!(f, "{hundredths}/s")
        }
    }
}

impl Share {
    /// The whole.
    pub const WHOLE: Self = Self(1.0);

    /// So many in a hundred, from 1 to 100; outside of that, the nearest.
    pub const fn percent(percent: u8) -> Self {
        let percent = if percent > 100 { 100 } else { percent };
        let percent = if percent < 1 { 1 } else { percent };
        Self(percent as f64 / 100.0)
    }

    /// `None` unless above 0 and at most 1.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share <= 1.0).then_some(Self(share))
    }

    /// As a number above 0 and at most 1.
    pub const fn as_fraction(self) -> f64 {
        self.0
    }

    /// The spacing of a share, from that of the whole: at most a day.
    pub(super) fn widen(self, spacing: Duration) -> Duration {
        const DAY: Duration = Duration::from_hours(24);
        Duration::try_from_secs_f64(spacing.as_secs_f64() / self.0)
            .unwrap_or(DAY)
            .min(DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_no_rate() {
        for calls in [
            0.0,
            -1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e-9,
            10_001.0,
        ] {
            assert!(Rate::per_second(calls).is_err(), "{calls}");
        }
        assert!(Rate::per_minute(4.5).is_ok());
    }

    #[test]
    fn the_spacing_leaves_room_for_a_permits_life() {
        let spacing = |calls| Rate::per_second(calls).unwrap().spacing().as_micros();
        assert_eq!(spacing(1.0), 1_020_000);
        assert_eq!(spacing(5.0), 204_000);
        assert_eq!(spacing(65.0), 15_693);
        assert_eq!(spacing(500.0), 2040);
        assert_eq!(spacing(0.5), 2_020_000);
    }

    #[test]
    fn a_rate_is_shown_in_the_unit_that_one_thinks_in() {
        let shown = |calls| Rate::per_second(calls).unwrap().to_string();
        assert_eq!(shown(65.0), "65/s");
        assert_eq!(shown(12.5), "12.5/s");
        assert_eq!(Rate::per_minute(4.5).unwrap().to_string(), "4.5/min");
    }

    #[test]
    fn a_share_is_above_nothing_and_at_most_the_whole() {
        for share in [0.0, -0.5, 1.01, f64::NAN] {
            assert_eq!(Share::new(share), None, "{share}");
        }
        assert_eq!(Share::new(1.0), Some(Share::WHOLE));
    }
}
