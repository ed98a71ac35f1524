//! The permits in hand.

use std::collections::VecDeque;
use std::time::Duration;

use ferry_core::budget::{Moment, SendWindow};
use ferry_core::ceiling::Trial;

/// For each line of the limiter, in its order: which rate the call is evidence for.
pub(super) type Trials = [Option<Trial>; 2];

/// A permit that the ledger gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Planned {
    /// When its call is planned, on the ledger's clock.
    pub(super) at: Moment,
    /// When it can be used, on the process's clock.
    pub(super) window: SendWindow,
    pub(super) trials: Trials,
}

/// The permits in hand, the earliest first.
#[derive(Debug, Default)]
pub(super) struct Hand {
    permits: VecDeque<Planned>,
}

/// Which permits are of use, on the process's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// Those that close later than this,
    pub(super) from: Duration,
    /// and open no later than this.
    pub(super) until: Duration,
}

impl Hand {
    pub(super) fn put(&mut self, permit: Planned) {
        // Nearly always at the end: only what comes back, and what follows a clock that was set
        // back, is earlier.
        let place = self
            .permits
            .partition_point(|other| other.window.opens <= permit.window.opens);
        self.permits.insert(place, permit);
    }

    /// Takes at most `wanted` permits within reach; drops those that close before it.
    pub(super) fn take(&mut self, wanted: usize, reach: Reach) -> Vec<Planned> {
        self.permits
            .retain(|permit| permit.window.closes > reach.from);
        let within = self
            .permits
            .partition_point(|permit| permit.window.opens <= reach.until);
        self.permits.drain(..within.min(wanted)).collect()
    }

    /// Drops what is planned before this: nothing may be sent until then.
    pub(super) fn drop_before(&mut self, not_before: Moment) {
        self.permits.retain(|permit| permit.at >= not_before);
    }

    pub(super) fn len(&self) -> usize {
        self.permits.len()
    }

    /// When the first opens.
    pub(super) fn first(&self) -> Option<Duration> {
        self.permits.front().map(|permit| permit.window.opens)
    }

    /// When the last opens.
    pub(super) fn last(&self) -> Option<Duration> {
        self.permits.back().map(|permit| permit.window.opens)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn permit(opens: u64, life: u64) -> Planned {
        Planned {
            at: Moment::from_micros(i64::try_from(opens).unwrap()),
            window: SendWindow {
                opens: Duration::from_micros(opens),
                closes: Duration::from_micros(opens + life),
            },
            trials: [None; 2],
        }
    }

    #[test]
    fn what_is_planned_before_the_end_of_a_wait_is_dropped() {
        let mut hand = Hand::default();
        for opens in [10, 20, 30] {
            hand.put(permit(opens, 5));
        }
        hand.drop_before(Moment::from_micros(20));
        assert_eq!(hand.first(), Some(Duration::from_micros(20)));
        assert_eq!(hand.len(), 2);
    }

    proptest! {
        #[test]
        fn each_permit_is_taken_once_in_order_and_only_within_reach(
            permits in proptest::collection::vec((0_u64..1000, 1_u64..50), 0..60),
            takes in proptest::collection::vec((0_usize..8, 0_u64..1000, 0_u64..300), 0..60),
        ) {
            let mut hand = Hand::default();
            for (opens, life) in &permits {
                hand.put(permit(*opens, *life));
            }
            let mut taken = 0;
            for (wanted, from, ahead) in takes {
                let reach = Reach {
                    from: Duration::from_micros(from),
                    until: Duration::from_micros(from + ahead),
                };
                let before = hand.len();
                let some = hand.take(wanted, reach);
                prop_assert!(some.len() <= wanted);
                prop_assert!(some.is_sorted_by_key(|permit| permit.window.opens));
                for permit in &some {
                    prop_assert!(permit.window.closes > reach.from);
                    prop_assert!(permit.window.opens <= reach.until);
                }
                prop_assert!(before >= hand.len() + some.len());
                let left_in_reach = hand.first().is_some_and(|opens| opens <= reach.until);
                prop_assert!(!left_in_reach || some.len() == wanted);
                taken += some.len();
            }
            prop_assert!(taken + hand.len() <= permits.len());
        }

        #[test]
        fn what_comes_back_is_taken_again_in_its_turn(
            permits in proptest::collection::vec(0_u64..1000, 1..30),
            back in any::<prop::sample::Index>(),
        ) {
            let everything = Reach { from: Duration::ZERO, until: Duration::MAX };
            let mut hand = Hand::default();
            for opens in &permits {
                hand.put(permit(*opens, 10));
            }
            let all = hand.take(usize::MAX, everything);
            let returned = all[back.index(all.len())];
            hand.put(returned);
            prop_assert_eq!(hand.take(usize::MAX, everything), vec![returned]);
        }
    }
}
