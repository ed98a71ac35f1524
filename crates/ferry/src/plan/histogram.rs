//! When tokens end, and who is carried before: one bar for each span of time.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::budget::Rate;
use serde::Serialize;

use super::expiry::ExpiryCounts;

/// Sessions whose tokens end within one span of time.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Bar {
    /// The span's ends, from the beginning of the run. None: nobody knows when these end.
    pub(super) from_seconds: Option<u64>,
    /// None for the last span, which has no end.
    pub(super) to_seconds: Option<u64>,
    pub(super) sessions: u64,
    pub(super) carried: u64,
    pub(super) expires_first: u64,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Fine where tokens live: hours to a day.
const EDGES: [u64; 16] = [
    0,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
    16 * HOUR,
    20 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    30 * DAY,
];

/// From the first span with sessions to the last one.
pub(super) fn of(counts: &ExpiryCounts, rate: Option<Rate>, begin: Timestamp) -> Vec<Bar> {
    let carried_within = |limit: Duration| {
        let expiries = counts.within(limit);
        rate.map(|rate| expiries.forecast(rate, begin).carried)
    };
    let mut carried_before = 0;
    let mut bars: Vec<Bar> = Vec::with_capacity(EDGES.len() + 1);
    for (index, from) in EDGES.into_iter().enumerate() {
        let to = EDGES.get(index + 1).copied();
        let limit = to.map_or(Duration::MAX, Duration::from_secs);
        let sessions = counts.between(Duration::from_secs(from), limit);
        // Soonest first: who ends later takes nothing from these.
        let carried = carried_within(limit).map_or(sessions, |carried| carried - carried_before);
        carried_before += carried;
        bars.push(Bar {
            from_seconds: Some(from),
            to_seconds: to,
            sessions,
            carried,
            expires_first: sessions - carried,
        });
    }
    let is_empty = |bar: &Bar| bar.sessions == 0;
    let first = bars.iter().take_while(|bar| is_empty(bar)).count();
    bars.drain(..first);
    while bars.last().is_some_and(is_empty) {
        bars.pop();
    }
    if counts.unknown > 0 {
        bars.push(Bar {
            from_seconds: None,
            to_seconds: None,
            sessions: counts.unknown,
            carried: counts.unknown,
            expires_first: 0,
        });
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

    #[test]
    fn the_bars_together_are_the_forecast() {
        let mut counts = ExpiryCounts::new(NOW);
        for minute in 0..3000 {
            counts.add(NOW.plus(Duration::from_mins(minute / 2)));
        }
        let rate = Rate::per_minute(1.5).expect("a rate");
        let bars = of(&counts, Some(rate), NOW);
        let forecast = counts.all().forecast(rate, NOW);
        let sum = |figure: fn(&Bar) -> u64| bars.iter().map(figure).sum::<u64>();
        assert_eq!(sum(|bar| bar.sessions), 3000);
        assert_eq!(sum(|bar| bar.carried), forecast.carried);
        assert_eq!(sum(|bar| bar.expires_first), forecast.expire);
        assert!(forecast.expire > 0);
    }

    #[test]
    fn empty_spans_at_both_ends_are_left_out() {
        let mut counts = ExpiryCounts::new(NOW);
        counts.add(NOW.plus(Duration::from_hours(5)));
        counts.add(Timestamp::NEVER);
        let bars = of(&counts, None, NOW);
        let spans: Vec<_> = bars.iter().map(|bar| bar.from_seconds).collect();
        assert_eq!(spans, [Some(4 * HOUR), None]);
    }
}
