//! Calls per second.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Endpoint;
use crate::clock::Millis;

/// Calls in one second of the wall clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The second, since 1970.
    pub second: i64,
    /// Calls to Stytch.
    pub stytch: u32,
    /// Migrate calls among them.
    pub migrate: u32,
    /// Calls of UserInfo.
    pub userinfo: u32,
}

/// Calls per second, by when they arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// The most calls to Stytch that arrived within any second, wherever it began.
    pub busiest_sliding_stytch: u32,
    /// The most migrate calls that did.
    pub busiest_sliding_migrate: u32,
    /// The most within one fixed second, each column for itself; `second` is 0.
    pub busiest: Window,
    /// The last ten minutes, oldest first, without seconds in which nothing arrived.
    pub recent: Vec<Window>,
}

#[derive(Debug, Default)]
pub(super) struct Arrivals {
    recent: VecDeque<Window>,
    busiest: Window,
    stytch: Sliding,
    migrate: Sliding,
}

impl Arrivals {
    pub(super) fn arrived(&mut self, endpoint: Endpoint, wall: Millis) {
        let second = wall.div_euclid(1000);
        if self
            .recent
            .back()
            .is_none_or(|window| window.second != second)
        {
            self.recent.push_back(Window {
                second,
                ..Window::default()
            });
            if self.recent.len() > RECENT_SECONDS {
                self.recent.pop_front();
            }
        }
        let Some(window) = self.recent.back_mut() else {
            return;
        };
        if endpoint.is_stytch() {
            window.stytch += 1;
            self.stytch.arrived(wall);
        }
        if endpoint.is_migrate() {
            window.migrate += 1;
            self.migrate.arrived(wall);
        }
        window.userinfo += u32::from(endpoint.is_userinfo());
        self.busiest.stytch = self.busiest.stytch.max(window.stytch);
        self.busiest.migrate = self.busiest.migrate.max(window.migrate);
        self.busiest.userinfo = self.busiest.userinfo.max(window.userinfo);
    }

    pub(super) fn windows(&self) -> Windows {
        Windows {
            busiest_sliding_stytch: self.stytch.busiest,
            busiest_sliding_migrate: self.migrate.busiest,
            busiest: self.busiest,
            recent: self.recent.iter().copied().collect(),
        }
    }
}

/// The calls of the last second.
#[derive(Debug, Default)]
struct Sliding {
    calls: VecDeque<Millis>,
    busiest: u32,
}

impl Sliding {
    fn arrived(&mut self, wall: Millis) {
        self.calls.push_back(wall);
        while self
            .calls
            .front()
            .is_some_and(|first| *first <= wall - 1000)
        {
            self.calls.pop_front();
        }
        self.busiest = self
            .busiest
            .max(u32::try_from(self.calls.len()).unwrap_or(u32::MAX));
    }
}

const RECENT_SECONDS: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_across_the_edge_of_a_second_is_seen_by_the_sliding_count_only() {
        let mut arrivals = Arrivals::default();
        for wall in [900, 950, 1_000, 1_050, 1_899, 1_900] {
            arrivals.arrived(Endpoint::Migrate, wall);
        }
        let windows = arrivals.windows();
        assert_eq!(windows.busiest.migrate, 4);
        assert_eq!(windows.busiest_sliding_migrate, 5);
        assert_eq!(windows.recent.len(), 2);
    }
}
