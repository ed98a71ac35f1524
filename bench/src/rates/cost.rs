//! What the limiter costs: the same crossing without a rate, and with one that never binds.

use anyhow::{Result, ensure};

use crate::ferry::CONCURRENCY;
use crate::figure::{median, micros_each, per_second};
use crate::fleet::{Bench, registering};
use crate::measurement::{Goal, Measurement, Ratio};
use crate::plan::simulator_mode;

/// The highest rate that can be configured.
const NEVER_BINDS: &str = "10000";
const RATIO_GOAL: f64 = 0.95;

/// In turns, so many times.
pub(crate) async fn measure(bench: &Bench<'_>, times: u32) -> Result<Vec<Measurement>> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..times {
        without.push(carry(bench, "unlimited").await?);
        with.push(carry(bench, NEVER_BINDS).await?);
    }
    let pairs = with.iter().zip(&without);
    let ratio = median(pairs.map(|(with, without)| with.per_second / without.per_second));
    let without = Measurement::median_of(&without);
    let with = Measurement {
        part: "`ferry work --rate 10000`".to_owned(),
        ratio: Some(Ratio {
            value: ratio,
            to: "the one without a rate",
        }),
        goals: vec![Goal {
            wanted: "at most 5 % less",
            measured: format!("{:.1} %", ratio * 100.0),
            met: ratio >= RATIO_GOAL,
        }],
        ..Measurement::median_of(&with)
    };
    Ok(vec![without, with])
}

async fn carry(bench: &Bench<'_>, rate: &str) -> Result<Measurement> {
    let n = bench.scale.sessions;
    let simulator = bench.simulator()?;
    let mut fleet = bench.fleet(&simulator, "cost").await?;
    registering::enqueue(bench, &mut fleet, (&bench.export, n)).await?;
    let workers = fleet.work_at(1, rate)?;
    let books = fleet.books()?;
    let all = books.balance() && books.migrated == n;
    ensure!(all, "not every session was carried: {books:?}");
    fleet.leave().await?;
    let worker = &workers[0];
    Ok(Measurement {
        part: "`ferry work --rate unlimited`".to_owned(),
        n,
        processes: Some(1),
        simulator: Some(simulator_mode()),
        concurrency: Some(CONCURRENCY),
        times: 1,
        per_second: per_second(n, worker.end.since(&worker.begin)),
        own_cpu_micros: Some(micros_each(worker.end.usage.cpu, n)),
        ..Measurement::default()
    })
}
