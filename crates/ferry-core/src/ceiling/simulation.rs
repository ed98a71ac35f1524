//! A server with a limit in fixed windows, and workers with late answers, in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::NonZeroU32;
use std::ops::Range;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::budget::{Budget, Grant, Lane, Request};

/// The true limit, per second from then on.
#[derive(Debug, Clone)]
pub(super) struct Limit(BTreeMap<usize, u32>);

impl Limit {
    pub(super) fn fixed(limit: u32) -> Self {
        Self::from_to(limit, [])
    }

    pub(super) fn from_to<const N: usize>(limit: u32, later: [(usize, u32); N]) -> Self {
        Self(std::iter::once((0, limit)).chain(later).collect())
    }

    fn at(&self, second: usize) -> u32 {
        self.0.range(..=second).next_back().map_or(0, |(_, l)| *l)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) seed: u64,
    pub(super) workers: usize,
    pub(super) server_ahead: Duration,
    pub(super) retry_after: Option<Duration>,
}

/// What the server saw, second by second.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen(Vec<Second>);

#[derive(Debug, Default, Clone, Copy)]
struct Second {
    allowed: u32,
    refused: u32,
    rate: f64,
}

impl Seen {
    pub(super) fn refused_share(&self, seconds: Range<usize>) -> f64 {
        let (allowed, refused) = self.sums(seconds);
        f64::from(refused) / f64::from((allowed + refused).max(1))
    }

    pub(super) fn used(&self, seconds: Range<usize>, limit: u32) -> f64 {
        let length = u32::try_from(seconds.len()).unwrap();
        f64::from(self.sums(seconds).0) / f64::from(limit * length)
    }

    pub(super) fn rates(&self, seconds: Range<usize>) -> (f64, f64) {
        let rates = self.0[seconds].iter().map(|s| s.rate).filter(|r| *r > 0.0);
        rates.fold((f64::MAX, 0.0), |(low, high), rate| {
            (low.min(rate), high.max(rate))
        })
    }

    pub(super) fn show(&self, seconds: Range<usize>) -> String {
        let (allowed, refused) = self.sums(seconds.clone());
        let (lowest, highest) = self.rates(seconds);
        format!("{allowed} allowed, {refused} refused, {lowest}/s to {highest}/s")
    }

    fn sums(&self, seconds: Range<usize>) -> (u32, u32) {
        self.0[seconds]
            .iter()
            .fold((0, 0), |(allowed, refused), second| {
                (allowed + second.allowed, refused + second.refused)
            })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A worker reports and takes a slice.
    Ask(usize),
    /// A call reaches the server.
    Arrive(usize, Option<Trial>),
    /// The worker reads the reply: refused or not.
    Answer(usize, Option<Trial>, bool),
}

pub(super) fn simulate(configured: f64, limit: Limit, seconds: usize, setting: Setting) -> Seen {
    let config = CeilingConfig::of(Rate::per_second(configured).unwrap());
    let mut world = World {
        rng: StdRng::seed_from_u64(setting.seed),
        events: BinaryHeap::new(),
        budget: Budget::default(),
        ceiling: Ceiling::new(config),
        counted: vec![BTreeMap::new(); setting.workers],
        seen: Seen(vec![Second::default(); seconds + 10]),
        limit,
        config,
        setting,
    };
    for worker in 0..setting.workers {
        world.after(0, 200, Event::Ask(worker), START);
    }
    let end = START.plus(Duration::from_secs(seconds as u64));
    while let Some(Reverse((now, event))) = world.events.pop() {
        if now >= end {
            break;
        }
        world.step(now, event);
    }
    world.seen
}

const START: Moment = Moment::from_micros(0);

struct World {
    rng: StdRng,
    events: BinaryHeap<Reverse<(Moment, Event)>>,
    budget: Budget,
    ceiling: Ceiling,
    /// Of each worker, since its last report.
    counted: Vec<BTreeMap<Option<Trial>, (u32, u32)>>,
    seen: Seen,
    limit: Limit,
    config: CeilingConfig,
    setting: Setting,
}

impl World {
    fn after(&mut self, least_ms: u64, most_ms: u64, event: Event, from: Moment) {
        let delay = self.rng.random_range(least_ms * 1000..=most_ms * 1000);
        let at = from.plus(Duration::from_micros(delay));
        self.events.push(Reverse((at, event)));
    }

    fn step(&mut self, now: Moment, event: Event) {
        match event {
            Event::Ask(worker) => {
                self.report(worker, now);
                self.take(worker, now);
                self.after(100, 400, Event::Ask(worker), now);
            }
            Event::Arrive(worker, trial) => {
                let second =
                    usize::try_from(now.plus(self.setting.server_ahead).as_micros() / 1_000_000)
                        .unwrap();
                let limit = self.limit.at(second);
                let seen = &mut self.seen.0[second];
                let is_refused = seen.allowed >= limit;
                *(if is_refused {
                    &mut seen.refused
                } else {
                    &mut seen.allowed
                }) += 1;
                self.after(50, 500, Event::Answer(worker, trial, is_refused), now);
            }
            Event::Answer(worker, trial, is_refused) => {
                let (allowed, refused) = self.counted[worker].entry(trial).or_default();
                *(if is_refused { refused } else { allowed }) += 1;
            }
        }
    }

    fn report(&mut self, worker: usize, now: Moment) {
        let at = ReadAt {
            now,
            booked_until: self.budget.next_at,
        };
        for (trial, (allowed, refused)) in std::mem::take(&mut self.counted[worker]) {
            let report = Report {
                trial,
                allowed,
                refused,
                retry_after: self.setting.retry_after.filter(|_| refused > 0),
            };
            self.ceiling.observe(report, self.config, at);
        }
        let second = usize::try_from(now.as_micros() / 1_000_000).unwrap();
        self.seen.0[second].rate = self.ceiling.rate(self.config).as_per_second();
    }

    fn take(&mut self, worker: usize, now: Moment) {
        let request = Request {
            wanted: NonZeroU32::new(1000).unwrap(),
            lead: Duration::from_millis(5),
            horizon: Duration::from_millis(500),
            not_before: self.ceiling.not_before(now),
            lane: Lane::Bulk,
        };
        let grant = self
            .budget
            .take(self.ceiling.rate(self.config), request, now);
        let Grant::Slice(slice) = grant else { return };
        for planned in slice.planned() {
            let trial = self.ceiling.evidence(planned);
            // Up to a permit's life late, and 1 to 25 ms on the way.
            self.after(1, 45, Event::Arrive(worker, trial), planned);
        }
    }
}
