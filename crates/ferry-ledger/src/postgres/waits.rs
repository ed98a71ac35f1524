//! Who waits for the server, and since when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Those who wait, and since when an answer is owed to them.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<HashMap<u64, Instant>>);

/// Somebody waits until this is dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    waits: Arc<Waits>,
    number: u64,
}

impl Waits {
    /// Somebody waits, who does not mind to wait so long.
    pub(super) fn begin(self: &Arc<Self>, patience: Duration) -> Wait {
        let mut waits = self.lock();
        let number = waits.keys().max().map_or(0, |last| last + 1);
        waits.insert(number, Instant::now() + patience);
        Wait {
            waits: Arc::clone(self),
            number,
        }
    }

    /// How long an answer has been owed, to whoever has waited for longest; zero if nobody waits.
    pub(super) fn longest(&self) -> Duration {
        let waits = self.lock();
        let waited = waits.values().map(Instant::elapsed);
        waited.max().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
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

    const MOMENT: Duration = Duration::from_millis(2);

    #[test]
    fn who_waits_is_owed_an_answer_until_there_is_one() {
        let waits = Arc::new(Waits::default());
        assert_eq!(waits.longest(), Duration::ZERO);
        let first = waits.begin(Duration::ZERO);
        std::thread::sleep(MOMENT);
        let second = waits.begin(Duration::from_mins(1));
        assert!(waits.longest() >= MOMENT);
        drop(first);
        assert_eq!(waits.longest(), Duration::ZERO, "not yet");
        drop(second);
        assert!(waits.lock().is_empty());
    }
}
