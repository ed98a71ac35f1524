//! The simulator's clock: it may run faster than the wall, and be set forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use jiff::Timestamp;

/// Milliseconds since 1970, by the simulator's clock unless it says otherwise.
pub(crate) type Millis = i64;

/// What sessions and tokens expire by.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_at: Millis,
    wall_started_at: Millis,
    scale: f64,
    set_forward: AtomicI64,
}

impl Clock {
    /// A clock that shows `now` (or the wall's time) and runs `scale` times as fast as the wall.
    pub(crate) fn start(now: Option<Timestamp>, scale: f64) -> Self {
        let wall_started_at = wall_now();
        Self {
            started: Instant::now(),
            started_at: now.map_or(wall_started_at, Timestamp::as_millisecond),
            wall_started_at,
            scale,
            set_forward: AtomicI64::new(0),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        let elapsed = self.started.elapsed().mul_f64(self.scale);
        self.started_at + millis(elapsed) + self.set_forward.load(Ordering::Relaxed)
    }

    /// The wall's time, which never goes back. Rates per second are counted by it.
    pub(crate) fn wall(&self) -> Millis {
        self.wall_started_at + millis(self.started.elapsed())
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.set_forward.fetch_add(millis(by), Ordering::Relaxed);
    }
}

/// RFC 3339 in UTC, whole seconds, as Stytch writes it.
pub(crate) fn rfc3339(at: Millis) -> String {
    timestamp(at.div_euclid(1000)).to_string()
}

/// A time from seconds since 1970; what no calendar holds becomes its end.
pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

fn millis(duration: Duration) -> Millis {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator stands for another company's servers, which have a clock of their own; \
              this is where it is read, once"
)]
fn wall_now() -> Millis {
    std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_forward_shows_the_later_time() {
        let clock = Clock::start(Some(timestamp(1_000)), 1.0);
        clock.advance(Duration::from_hours(1));
        assert!((4_600_000..4_601_000).contains(&clock.now()));
    }

    #[test]
    fn times_are_written_in_whole_seconds_of_utc() {
        assert_eq!(rfc3339(1_767_225_600_999), "2026-01-01T00:00:00Z");
    }
}
