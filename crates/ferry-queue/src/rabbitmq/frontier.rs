//! Which acknowledgements to send, and when.
//!
//! One acknowledgement of all up to a tag costs a fraction of an acknowledgement for each, so what
//! is done is acknowledged up to the first delivery that is not. A slow one holds back those
//! behind it: when too many wait, or for too long, they are acknowledged one by one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The longest that a delivery which is done waits for those before it.
const LONGEST_LAG: Duration = Duration::from_millis(500);

/// The deliveries of one channel that are not acknowledged, in their order.
#[derive(Debug)]
pub(super) struct Frontier {
    /// The tag of the first place. A channel's tags are 1, 2, 3, ….
    first: u64,
    places: VecDeque<Place>,
    /// Places that are done, behind one that is not.
    waiting: usize,
    waiting_since: Option<Instant>,
    /// So many may wait.
    patience: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    InHand,
    /// To be acknowledged.
    Done,
    /// The broker knows already.
    Told,
}

impl Frontier {
    pub(super) fn new(prefetch: usize) -> Self {
        Self {
            first: 1,
            places: VecDeque::new(),
            waiting: 0,
            waiting_since: None,
            patience: (prefetch / 2).max(1),
        }
    }

    /// A delivery came.
    pub(super) fn delivered(&mut self, tag: u64) {
        let Some(index) = self.index(tag) else { return };
        if index >= self.places.len() {
            self.places.resize(index + 1, Place::InHand);
        }
    }

    /// A delivery is done with.
    pub(super) fn done(&mut self, tag: u64, now: Instant) {
        if self.change(tag, Place::Done) {
            self.waiting += 1;
            self.waiting_since.get_or_insert(now);
        }
    }

    /// The broker was told what becomes of a delivery.
    pub(super) fn told(&mut self, tag: u64) {
        self.change(tag, Place::Told);
    }

    /// The tag up to which all is done, if there is anything to acknowledge by it.
    pub(super) fn take_prefix(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some(place) = self.places.front().filter(|place| **place != Place::InHand) {
            if *place == Place::Done {
                last = Some(self.first);
                self.waiting -= 1;
            }
            self.places.pop_front();
            self.first += 1;
        }
        if self.waiting == 0 {
            self.waiting_since = None;
        }
        last
    }

    /// When those behind the prefix are to be acknowledged one by one.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.waiting_since?;
        let crowded = self.waiting >= self.patience;
        Some(if crowded { since } else { since + LONGEST_LAG })
    }

    /// Those behind the prefix.
    pub(super) fn take_singly(&mut self) -> Vec<u64> {
        let mut tags = Vec::with_capacity(self.waiting);
        for (tag, place) in (self.first..).zip(&mut self.places) {
            if *place == Place::Done {
                *place = Place::Told;
                tags.push(tag);
            }
        }
        self.waiting = 0;
        self.waiting_since = None;
        tags
    }

    /// Whether it was in hand.
    fn change(&mut self, tag: u64, to: Place) -> bool {
        let place = self.index(tag).and_then(|index| self.places.get_mut(index));
        match place {
            Some(place) if *place == Place::InHand => {
                *place = to;
                true
            }
            _ => false,
        }
    }

    fn index(&self, tag: u64) -> Option<usize> {
        usize::try_from(tag.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(deliveries: u64) -> Frontier {
        let mut frontier = Frontier::new(8);
        (1..=deliveries).for_each(|tag| frontier.delivered(tag));
        frontier
    }

    #[test]
    fn the_prefix_ends_before_the_first_that_is_in_hand() {
        let (mut frontier, now) = (of(5), Instant::now());
        for tag in [2, 1, 4] {
            frontier.done(tag, now);
        }
        assert_eq!(frontier.take_prefix(), Some(2));
        assert_eq!(frontier.take_prefix(), None);
        frontier.done(3, now);
        assert_eq!(frontier.take_prefix(), Some(4));
    }

    #[test]
    fn half_the_prefetch_behind_a_slow_one_is_due_at_once() {
        let (mut frontier, now) = (of(5), Instant::now());
        for tag in [2, 3, 4] {
            frontier.done(tag, now);
        }
        assert_eq!(frontier.due(), Some(now + LONGEST_LAG));
        frontier.done(5, now);
        assert_eq!(frontier.due(), Some(now));
        assert_eq!(frontier.take_singly(), [2, 3, 4, 5]);
        assert_eq!(frontier.due(), None);
        frontier.done(1, now);
        assert_eq!(frontier.take_prefix(), Some(1));
    }

    #[test]
    fn what_was_rejected_is_not_acknowledged() {
        let mut frontier = of(2);
        frontier.told(1);
        assert_eq!(frontier.take_prefix(), None);
        frontier.done(2, Instant::now());
        assert_eq!(frontier.take_prefix(), Some(2));
    }

    #[test]
    fn a_tag_that_never_came_or_was_done_before_is_passed_over() {
        let (mut frontier, now) = (of(1), Instant::now());
        for tag in [0, 1, 1, 7] {
            frontier.done(tag, now);
        }
        assert_eq!(frontier.take_prefix(), Some(1));
        frontier.done(1, now);
        assert_eq!(frontier.due(), None);
    }

    proptest! {
        /// Every delivery that is done is acknowledged exactly once, and no other ever is.
        #[test]
        fn all_that_is_done_is_acknowledged_once(
            order in Just((1..=40_u64).collect::<Vec<_>>()).prop_shuffle(),
            singly_after in proptest::collection::vec(any::<bool>(), 40),
            left_out in 0..40_usize,
        ) {
            let (mut frontier, now) = (of(40), Instant::now());
            let mut told = std::collections::BTreeSet::new();
            let done = &order[..left_out];
            for (tag, singly) in done.iter().zip(singly_after) {
                frontier.done(*tag, now);
                if let Some(up_to) = frontier.take_prefix() {
                    // As the broker takes it: all up to there that it has not heard of.
                    told.extend(1..=up_to);
                }
                if singly {
                    for tag in frontier.take_singly() {
                        prop_assert!(told.insert(tag), "{} twice", tag);
                    }
                }
            }
            for tag in frontier.take_singly() {
                prop_assert!(told.insert(tag), "{} twice", tag);
            }
            prop_assert_eq!(told, done.iter().copied().collect());
        }
    }
}
