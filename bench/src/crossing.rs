//! `ferry run` carrying sessions, beside the bare client.

use std::time::Duration;

use crate::ferry::{CONCURRENCY, Watched};
use crate::figure::{median, mib, micros_each, per_second};
use crate::measurement::{Goal, Measurement, Ratio};
use crate::plan::simulator_mode;
use crate::scale::Scale;

/// The compared runs, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Crossings {
    pub(crate) bare: Vec<Measurement>,
    /// Each with the simulator's CPU time.
    pub(crate) on_small: Vec<(Watched, Duration)>,
    pub(crate) on_large: Vec<(Watched, Duration)>,
}

const RATIO_GOAL: f64 = 0.5;
const CPU_GOAL_MICROS: f64 = 200.0;
const LARGE_TO_SMALL_GOAL: f64 = 0.8;
const PEAK_GOAL_MIB: f64 = 128.0;
const PEAK_GROWTH_GOAL: f64 = 1.1;

impl Crossings {
    /// The bare client, then the crossings on the small and on the large ledger.
    pub(crate) fn measurements(&self, scale: Scale) -> [Measurement; 3] {
        let bare = Measurement {
            simulator: Some(simulator_mode()),
            ..Measurement::median_of(&self.bare)
        };
        let small = self.crossing(&self.on_small, scale.some, scale.few);
        let mut large = self.crossing(&self.on_large, scale.some, scale.many);
        let beside = rates(&self.on_large, scale.some).zip(rates(&self.on_small, scale.some));
        let beside = median(beside.map(|(large, small)| large / small));
        large.goals.push(Goal {
            wanted: "within 20 % of the small ledger",
            measured: format!("{:.0} %", beside * 100.0),
            met: beside >= LARGE_TO_SMALL_GOAL,
        });
        [bare, small, large]
    }

    fn crossing(&self, runs: &[(Watched, Duration)], n: u64, rows_before: u64) -> Measurement {
        let bare = self.bare.iter().map(|bare| bare.per_second);
        let ratio = median(rates(runs, n).zip(bare).map(|(rate, bare)| rate / bare));
        let whole_life = median(runs.iter().map(|(run, _)| whole_life_micros(run, n)));
        let simulator = runs.iter().map(|(_, cpu)| micros_each(*cpu, n));
        let peak = runs.iter().map(|(run, _)| mib(run.end.usage.peak_kib));
        Measurement {
            rows_before: Some(rows_before),
            times: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            per_second: median(rates(runs, n)),
            own_cpu_micros: Some(median(runs.iter().map(|(run, _)| crossing_micros(run, n)))),
            simulator_cpu_micros: Some(median(simulator)),
            ratio: Some(Ratio {
                value: ratio,
                to: "the bare client",
            }),
            peak_mib: Some(median(peak)),
            goals: vec![ratio_goal(ratio), whole_life_goal(whole_life)],
            ..crossing(n)
        }
    }
}

/// From empty ledgers, of some rows and of many: what memory they took.
pub(crate) fn memory((some, many): (&Watched, &Watched), scale: Scale) -> [Measurement; 2] {
    let peak = |run: &Watched| mib(run.end.usage.peak_kib);
    let alone = |run: &Watched, n| Measurement {
        rows_before: Some(0),
        times: 1,
        per_second: per_second(n, run.crossing()),
        own_cpu_micros: Some(crossing_micros(run, n)),
        peak_mib: Some(peak(run)),
        goals: vec![whole_life_goal(whole_life_micros(run, n))],
        ..crossing(n)
    };
    let (some_rows, mut many_rows) = (alone(some, scale.some), alone(many, scale.many));
    many_rows.goals.push(Goal {
        wanted: "peak of registering and crossing at most 128 MiB",
        measured: format!(
            "{:.1} MiB ({:.1} registering, {:.1} crossing)",
            peak(many),
            mib(many.registered.usage.peak_kib),
            mib(many.peak_of_crossing_kib())
        ),
        met: peak(many) <= PEAK_GOAL_MIB,
    });
    let growth = peak(many) / peak(some);
    many_rows.goals.push(Goal {
        wanted: "peak within 10 % of that of fewer rows",
        measured: format!("{:+.0} %", (growth - 1.0) * 100.0),
        met: (1.0 / PEAK_GROWTH_GOAL..=PEAK_GROWTH_GOAL).contains(&growth),
    });
    [some_rows, many_rows]
}

fn crossing(n: u64) -> Measurement {
    Measurement {
        part: "`ferry run`: crossing".to_owned(),
        n,
        simulator: Some(simulator_mode()),
        concurrency: Some(CONCURRENCY),
        ..Measurement::default()
    }
}

fn rates(runs: &[(Watched, Duration)], n: u64) -> impl Iterator<Item = f64> {
    runs.iter()
        .map(move |(run, _)| per_second(n, run.crossing()))
}

fn crossing_micros(run: &Watched, n: u64) -> f64 {
    micros_each(run.end.cpu_since(&run.registered), n)
}

fn whole_life_micros(run: &Watched, n: u64) -> f64 {
    micros_each(run.end.usage.cpu, n)
}

fn ratio_goal(ratio: f64) -> Goal {
    Goal {
        wanted: "at least 50 % of the bare client",
        measured: format!("{:.0} %", ratio * 100.0),
        met: ratio >= RATIO_GOAL,
    }
}

fn whole_life_goal(micros: f64) -> Goal {
    Goal {
        wanted: "whole life at most 200 µs of own CPU",
        measured: format!("{micros:.0} µs"),
        met: micros <= CPU_GOAL_MICROS,
    }
}
