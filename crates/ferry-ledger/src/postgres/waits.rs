//! Who waits for the server, and since when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Those who wait, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<BTreeMap<u64, Instant>>);

/// Somebody waits until this is dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    waits: Arc<Waits>,
    number: u64,
}

impl Waits {
    pub(super) fn begin(self: &Arc<Self>) -> Wait {
        let mut waits = self.lock();
        let number = waits.last_key_value().map_or(0, |(last, _)| last + 1);
        waits.insert(number, Instant::now());
        Wait {
            waits: Arc::clone(self),
            number,
        }
    }

    /// How long the first of them has waited; zero if nobody waits.
    pub(super) fn longest(&self) -> Duration {
        let first = self.lock().first_key_value().map(|(_, since)| *since);
        first.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_that_of_the_first_who_still_waits() {
        let waits = Arc::new(Waits::default());
        assert_eq!(waits.longest(), Duration::ZERO);
        let first = waits.begin();
        std::thread::sleep(Duration::from_millis(2));
        let second = waits.begin();
        let between = Duration::from_millis(2);
        assert!(waits.longest() >= between);
        drop(first);
        let third = waits.begin();
        let left: Vec<_> = waits.lock().keys().copied().collect();
        assert_eq!(left, [second.number, third.number]);
    }
}
