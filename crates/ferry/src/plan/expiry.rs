//! When tokens end, counted: so many numbers, however large the export is.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::forecast::Expiries;

/// Sessions by how long their tokens still live: by the minute for a week, by the hour for a year.
#[derive(Debug)]
pub(super) struct ExpiryCounts {
    now: Timestamp,
    counts: Vec<u64>,
    /// Tokens of which nobody knows when they end.
    pub(super) unknown: u64,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const MINUTES: usize = 7 * 24 * 60;
const HOURS: usize = 359 * 24;
/// What lives longer than a year is not told apart.
const LATER: usize = MINUTES + HOURS;

impl ExpiryCounts {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            counts: vec![0; LATER + 1],
            unknown: 0,
        }
    }

    pub(super) fn add(&mut self, expires_at: Timestamp) {
        if expires_at == Timestamp::NEVER {
            self.unknown += 1;
        } else {
            self.counts[slot(expires_at.since(self.now))] += 1;
        }
    }

    /// Those of which an end is known.
    pub(super) fn known(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Those that end within so long.
    pub(super) fn within(&self, limit: Duration) -> Expiries {
        let slots = self.slots().take_while(|(begin, _)| *begin < limit);
        Expiries::new(slots.map(|(begin, count)| (self.safe_end(begin), count)))
    }

    /// All of them; the unknown ends last.
    pub(super) fn all(&self) -> Expiries {
        let known = self.slots();
        let known = known.map(|(begin, count)| (self.safe_end(begin), count));
        Expiries::new(known.chain([(Timestamp::NEVER, self.unknown)]))
    }

    /// How many end from `begin` on and before `end`.
    pub(super) fn between(&self, begin: Duration, end: Duration) -> u64 {
        let slots = self
            .slots()
            .filter(|(start, _)| (begin..end).contains(start));
        slots.map(|(_, count)| count).sum()
    }

    /// For how long at least the token lives that has so many, in thousandths, before it. `None`
    /// without any.
    pub(super) fn quantile(&self, thousandths: u64) -> Option<Duration> {
        let before = self.known() * thousandths / 1000;
        let mut passed = 0;
        let mut slots = self.slots().filter(|(_, count)| *count > 0);
        let found = slots.find(|(_, count)| {
            passed += count;
            passed > before
        });
        found.map(|(begin, _)| begin)
    }

    fn slots(&self) -> impl Iterator<Item = (Duration, u64)> {
        let counts = self.counts.iter().enumerate();
        counts.map(|(slot, count)| (begin(slot), *count))
    }

    /// The early end of what is counted together, so that a forecast errs on the safe side; but
    /// not the present, for what ends now is not counted here.
    fn safe_end(&self, begin: Duration) -> Timestamp {
        self.now.plus(begin.max(Duration::from_secs(1)))
    }
}

fn slot(left: Duration) -> usize {
    let minutes = usize::try_from(left.as_secs() / MINUTE).unwrap_or(usize::MAX);
    if minutes < MINUTES {
        minutes
    } else {
        (MINUTES + (minutes - MINUTES) / 60).min(LATER)
    }
}

/// Where a slot begins.
fn begin(slot: usize) -> Duration {
    let minutes = slot.min(MINUTES) as u64;
    let hours = slot.saturating_sub(MINUTES) as u64;
    Duration::from_secs(minutes * MINUTE + hours * HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

    #[test]
    fn what_is_counted_together_begins_no_later_than_any_of_it() {
        for seconds in [0, 59, 60, 3600, 604_799, 604_800, 608_400, 40_000_000] {
            let left = Duration::from_secs(seconds);
            let begin = begin(slot(left));
            assert!(begin <= left, "{seconds}");
            let distance = left.saturating_sub(begin);
            assert!(distance < Duration::from_hours(1) || seconds == 40_000_000);
        }
    }

    #[test]
    fn the_middle_token_has_half_of_them_before_it() {
        let mut counts = ExpiryCounts::new(NOW);
        for minutes in 1..=9 {
            counts.add(NOW.plus(Duration::from_mins(minutes)));
        }
        counts.add(Timestamp::NEVER);
        assert_eq!(counts.quantile(500), Some(Duration::from_mins(5)));
        assert_eq!(counts.quantile(0), Some(Duration::from_mins(1)));
        assert_eq!(counts.quantile(999), Some(Duration::from_mins(9)));
        assert_eq!((counts.known(), counts.unknown), (9, 1));
        let two = counts.between(Duration::from_mins(2), Duration::from_mins(4));
        assert_eq!(two, 2);
    }

    #[test]
    fn what_ends_within_the_minute_has_not_ended() {
        let mut counts = ExpiryCounts::new(NOW);
        counts.add(NOW.plus(Duration::from_secs(3)));
        let rate = ferry_core::budget::Rate::per_second(1.0).expect("a rate");
        assert_eq!(counts.all().forecast(rate, NOW).carried, 1);
    }
}
