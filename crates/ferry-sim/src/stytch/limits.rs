//! Stytch's limits: fixed windows, that begin at the top of the second or the minute.

use std::sync::{Mutex, PoisonError};

use crate::audit::Endpoint;
use crate::clock::{Clock, Millis};
use crate::faults::Faults;

/// The windows that are open.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    migrate: FixedWindow,
    list: FixedWindow,
    revoke: FixedWindow,
    search: FixedWindow,
}

impl Limits {
    /// Whether a call is within its limit; counts it if so.
    pub(crate) fn admit(&self, endpoint: Endpoint, faults: &Faults, clock: &Clock) -> bool {
        match endpoint {
            Endpoint::Migrate | Endpoint::ConsumerMigrate => self
                .migrate
                .admit(faults.migrate_per_second, clock.wall() / 1000),
            Endpoint::ListSessions | Endpoint::ConsumerListSessions => {
                self.list.admit(faults.list_per_second, clock.wall() / 1000)
            }
            Endpoint::Revoke | Endpoint::ConsumerRevoke => self
                .revoke
                .admit(faults.revoke_per_second, clock.wall() / 1000),
            Endpoint::SearchMembers | Endpoint::SearchUsers => self
                .search
                .admit(faults.search_per_minute, clock.now() / 60_000),
            _ => true,
        }
    }
}

/// So many calls in each window.
#[derive(Debug, Default)]
pub(crate) struct FixedWindow(Mutex<(Millis, u32)>);

impl FixedWindow {
    /// Whether one more call fits into this window.
    pub(crate) fn admit(&self, limit: Option<u32>, window: Millis) -> bool {
        limit.is_none_or(|limit| self.take(limit, window).is_some())
    }

    /// Takes a call's place in the window; how many are left, or `None` if none was.
    pub(crate) fn take(&self, limit: u32, window: Millis) -> Option<u32> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.0 != window {
            *open = (window, 0);
        }
        if open.1 >= limit {
            return None;
        }
        open.1 += 1;
        Some(limit - open.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lets_its_limit_through_and_the_next_begins_anew() {
        let window = FixedWindow::default();
        let admitted = |second| (0..10).filter(|_| window.admit(Some(3), second)).count();
        assert_eq!(admitted(1), 3);
        assert_eq!(admitted(2), 3);
        assert!(window.admit(None, 2));
    }
}
