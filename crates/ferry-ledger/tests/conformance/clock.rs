//! A clock that stands still until it is moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::budget::Moment;
use ferry_ledger::Clock;

use crate::server::Server;

/// The time at which every case begins: 2026-01-01T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp::from_seconds(1_767_268_800);

/// Microseconds since the Unix epoch; and the server that goes by this clock, if there is one.
pub(crate) struct TestClock(AtomicI64, Option<Server>);

impl TestClock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(Moment::from(now).as_micros()), None)
    }

    /// The clock of a server, at noon.
    pub(crate) fn of(server: Server) -> Self {
        Self(AtomicI64::new(Moment::from(NOON).as_micros()), Some(server))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.set_moment(now.into());
    }

    pub(crate) fn set_moment(&self, now: Moment) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
        if let Some(server) = &self.1 {
            server.set_clock(now);
        }
    }

    /// One millisecond before it is so late.
    pub(crate) fn set_just_before(&self, moment: Timestamp) {
        self.set(Timestamp::from_millis(moment.as_millis() - 1));
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.set_moment(self.moment().plus(by));
    }
}

impl Clock for TestClock {
    fn moment(&self) -> Moment {
        Moment::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// So many minutes after noon.
pub(crate) fn noon_plus(minutes: u64) -> Timestamp {
    NOON.plus(Duration::from_mins(minutes))
}
