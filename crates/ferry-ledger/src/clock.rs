//! The ledger's clock: one clock for leases, due times and expiries.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ferry_core::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The wall clock as it was at the start, moved on by the monotonic clock: a wall clock that is
/// set back or forth meanwhile ends no lease early.
#[derive(Debug)]
pub struct SystemClock {
    began_at: Timestamp,
    began: Instant,
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
            began_at: Timestamp::from_millis(0).plus(since_epoch),
            began: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.began_at.plus(self.began.elapsed())
    }
}
