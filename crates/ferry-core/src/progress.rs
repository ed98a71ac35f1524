//! Rate and time left.

use std::time::Duration;

/// Sessions per second over `elapsed`; zero before a tenth of a second has passed.
pub fn rate_per_second(sessions: u64, elapsed: Duration) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is shown with three digits"
    )]
    let sessions = sessions as f64;
    if elapsed < Duration::from_millis(100) {
        0.0
    } else {
        sessions / elapsed.as_secs_f64()
    }
}

/// How long `left` sessions take at `rate` per second; `None` while nothing moves.
pub fn time_left(left: u64, rate: f64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let seconds = left as f64 / rate;
    (rate > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_move_has_no_end() {
        assert_eq!(time_left(10, 0.0), None);
        assert_eq!(time_left(130, 65.0), Some(Duration::from_secs(2)));
        assert_eq!(time_left(0, 0.5), Some(Duration::ZERO));
    }
}
