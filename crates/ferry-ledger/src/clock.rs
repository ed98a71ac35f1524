//! The ledger's clock: one clock for leases, due times, expiries and budgets.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ferry_core::Timestamp;
use ferry_core::budget::Moment;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in microseconds.
    fn moment(&self) -> Moment;

    /// The same in milliseconds, rounded down.
    fn now(&self) -> Timestamp {
        rounded_down(self.moment())
    }
}

/// The wall clock as it was at the start, moved on by the monotonic clock: a wall clock that is
/// set back or forth meanwhile ends no lease early.
#[derive(Debug)]
pub struct SystemClock {
    began_at: Moment,
    began: Instant,
}

/// What the ledger's clock told, and between which two moments of this process it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) now: Moment,
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
}

impl SystemClock {
    /// Reads the wall clock once.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the wall clock is read"
    )]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            began_at: Moment::from_micros(0).plus(since_epoch),
            began: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn moment(&self) -> Moment {
        self.began_at.plus(self.began.elapsed())
    }
}

impl Reading {
    /// Reads the clock of a ledger in this process.
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        let asked = Instant::now();
        let now = clock.moment();
        Self {
            now,
            asked,
            answered: Instant::now(),
        }
    }
}

/// In whole milliseconds: never later than it is.
pub(crate) fn rounded_down(moment: Moment) -> Timestamp {
    Timestamp::from_millis(moment.as_micros().div_euclid(MICROSECONDS))
}

/// In whole milliseconds: what is to happen then happens no earlier.
pub(crate) fn rounded_up(moment: Moment) -> Timestamp {
    let whole = moment.as_micros().div_euclid(MICROSECONDS);
    let rest = moment.as_micros().rem_euclid(MICROSECONDS);
    Timestamp::from_millis(whole + i64::from(rest > 0))
}

/// In a millisecond.
const MICROSECONDS: i64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_time_is_rounded_up_and_the_present_down() {
        for (microseconds, down, up) in [(0, 0, 0), (1, 0, 1), (1999, 1, 2), (2000, 2, 2)] {
            let moment = Moment::from_micros(microseconds);
            assert_eq!(rounded_down(moment), Timestamp::from_millis(down));
            assert_eq!(rounded_up(moment), Timestamp::from_millis(up));
        }
    }
}
