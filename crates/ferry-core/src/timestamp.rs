//! A moment, in milliseconds since 1970-01-01T00:00:00Z.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment in milliseconds since the Unix epoch, UTC.
///
/// One unit everywhere (memory, SQL, JSON) so that no place converts. The type never reads a
/// clock: whoever decides is handed `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// The text was not a moment in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a time: give RFC 3339 (2026-01-31T12:00:00Z) or Unix seconds or milliseconds (a whole number)"
)]
pub struct NotATime;

/// From this number on (year 2286 in seconds, 1970-04-26 in milliseconds), a whole number is read
/// as milliseconds: no session's expiry lies beyond either.
const FIRST_MILLISECONDS: i64 = 10_000_000_000;

impl Timestamp {
    /// A moment later than any real one: "no end is known".
    pub const NEVER: Self = Self(i64::MAX);

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// From seconds since the Unix epoch (a JWT's `exp`).
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, or a whole number of Unix seconds or milliseconds.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        let text = text.trim();
        if let Ok(number) = text.parse::<i64>() {
            return match number {
                ..0 => Err(NotATime),
                0..FIRST_MILLISECONDS => Ok(Self::from_seconds(number)),
                FIRST_MILLISECONDS.. => Ok(Self(number)),
            };
        }
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self(moment.as_millisecond()))
            .map_err(|_| NotATime)
    }

    /// How long from `earlier` to `self`; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `self` + `duration`, at most [`Timestamp::NEVER`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(milliseconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => f.write_str("never"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_seconds_and_milliseconds_name_the_same_moment() {
        let expected = Ok(Timestamp::from_seconds(1_767_225_600));
        assert_eq!(Timestamp::parse("2026-01-01T00:00:00Z"), expected);
        assert_eq!(Timestamp::parse("2026-01-01T02:00:00+02:00"), expected);
        assert_eq!(Timestamp::parse(" 1767225600 "), expected);
        assert_eq!(Timestamp::parse("1767225600000"), expected);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "tomorrow", "-5", "2026-13-01T00:00:00Z", "2026-01-01"] {
            assert_eq!(Timestamp::parse(text), Err(NotATime), "{text:?}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::NEVER.plus(Duration::MAX), Timestamp::NEVER);
        assert_eq!(
            Timestamp::from_millis(5).since(Timestamp::NEVER),
            Duration::ZERO
        );
    }
}
