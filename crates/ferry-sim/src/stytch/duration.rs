//! `session_duration_minutes`.

use super::Failure;
use crate::clock::Millis;
use crate::options::{LONGEST_SESSION_MINUTES, SHORTEST_SESSION_MINUTES};

/// The duration in milliseconds, if it is within Stytch's range and the project's cap.
pub(crate) fn check(minutes: i64, cap_minutes: u32) -> Result<Millis, Failure> {
    let range = i64::from(SHORTEST_SESSION_MINUTES)..=i64::from(LONGEST_SESSION_MINUTES);
    if !range.contains(&minutes) {
        return Err(Failure::new(
            400,
            "invalid_session_duration_minutes",
            "session_duration_minutes is invalid, should be between 5 to 527040 minutes.",
        ));
    }
    if minutes > i64::from(cap_minutes) {
        return Err(Failure::new(
            400,
            "invalid_session_duration",
            "The submitted session duration exceeds the maximum session duration allowed for this \
             project.",
        ));
    }
    Ok(minutes * 60_000)
}

/// What a B2B migrate without a duration gives.
pub(crate) const DEFAULT_SESSION: Millis = 60 * 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_minutes_to_366_days_are_taken() {
        for (minutes, taken) in [
            (4, false),
            (5, true),
            (527_040, true),
            (527_041, false),
            (-1, false),
        ] {
            assert_eq!(check(minutes, 527_040).is_ok(), taken, "{minutes}");
        }
        assert!(check(61, 60).is_err());
    }
}
