//! `ferry work` carrying sessions from end to end, beside the bare pipeline.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::ferry::CONCURRENCY;
use crate::figure::{median, mib, micros_each, per_second};
use crate::fleet::meter::{Cost, Meter};
use crate::fleet::statements::Stage;
use crate::fleet::{Bench, Scale, bare_pipeline, registering};
use crate::measurement::{Goal, Measurement, Ratio};
use crate::plan::simulator_mode;
use crate::simulator::Simulator;

/// So many processes share the calls in flight.
const PROCESSES: [u32; 3] = [1, 2, 4];

const RATIO_GOAL: f64 = 0.4;
const OWN_GOAL_MICROS: f64 = 160.0;
const ALL_GOAL_MICROS: f64 = 450.0;
const PEAK_GOAL_MIB: f64 = 64.0;

/// The compared runs, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Rounds {
    bare: Vec<Cost>,
    /// For each number of processes.
    own: [Vec<Whole>; PROCESSES.len()],
    /// Of the first run with one process.
    pub(crate) stage: Option<Stage>,
}

/// Ferry from the export to the last session, as one row: the rate of the worker alone, CPU times and
/// what was written of `ferry enqueue` and `ferry work` together.
pub(crate) async fn whole_life(bench: &Bench<'_>) -> Result<Measurement> {
    let (whole, _) = carry(bench, &bench.simulator()?, 1).await?;
    let both = whole.enqueue.and(&whole.work);
    Ok(Measurement {
        processes: Some(1),
        concurrency: Some(CONCURRENCY),
        ..both.measurement("Ferry", bench.scale.sessions)
    })
}

/// One run of Ferry, from the export to the last session.
struct Whole {
    enqueue: Cost,
    work: Cost,
}

impl Rounds {
    /// The bare pipeline and Ferry in turns, each round against one simulator process.
    pub(crate) async fn run(bench: &Bench<'_>) -> Result<Self> {
        let mut rounds = Self::default();
        for time in 0..bench.scale.times {
            let simulator = bench.simulator()?;
            eprintln!("round {}: bare pipeline", time + 1);
            let sessions = bench.scale.sessions;
            let bare = bare_pipeline::measure(&bench.servers, &simulator, &bench.export, sessions);
            rounds.bare.push(bare.await?);
            for (place, processes) in PROCESSES.into_iter().enumerate() {
                eprintln!("round {}: ferry work × {processes}", time + 1);
                let (whole, stage) = carry(bench, &simulator, processes).await?;
                rounds.own[place].push(whole);
                rounds.stage = rounds.stage.or(stage);
            }
        }
        Ok(rounds)
    }

    /// The bare pipeline, then Ferry with each number of processes.
    pub(crate) fn measurements(&self, scale: Scale) -> Vec<Measurement> {
        let n = scale.sessions;
        let row = |cost: &Cost, part| Measurement {
            simulator: Some(simulator_mode()),
            concurrency: Some(CONCURRENCY),
            ..cost.measurement(part, n)
        };
        let bare = self.bare.iter().map(|cost| row(cost, "bare pipeline"));
        let mut rows = vec![Measurement::median_of(&bare.collect::<Vec<_>>())];
        for (processes, runs) in PROCESSES.into_iter().zip(&self.own) {
            let costs = |part, cost: fn(&Whole) -> &Cost| {
                let all: Vec<_> = runs.iter().map(|run| row(cost(run), part)).collect();
                Measurement {
                    processes: Some(processes),
                    ..Measurement::median_of(&all)
                }
            };
            let work = costs("`ferry work`", |run| &run.work);
            if processes == 1 {
                let enqueue = costs("`ferry enqueue`, of the same sessions", |run| &run.enqueue);
                rows.push(Measurement {
                    simulator: None,
                    concurrency: None,
                    ..enqueue
                });
                rows.push(self.judged(work, n));
            } else {
                rows.push(self.beside_one(work, runs, n));
            }
        }
        rows
    }

    fn judged(&self, work: Measurement, n: u64) -> Measurement {
        let runs = &self.own[0];
        let rates = runs.iter().zip(&self.bare);
        let ratio = median(rates.map(|(run, bare)| rate(&run.work, n) / rate(bare, n)));
        let own = median(runs.iter().map(|run| micros_each(run.own(), n)));
        let all = runs
            .iter()
            .map(Whole::with_servers)
            .collect::<Option<Vec<_>>>();
        let all = all.map(|all| median(all.into_iter().map(|all| micros_each(all, n))));
        let peak = median(runs.iter().map(|run| mib(run.work.peak_kib.unwrap_or(0))));
        let mut goals = vec![
            goal(
                "at least 40 % of the bare pipeline",
                format!("{:.0} %", ratio * 100.0),
                ratio >= RATIO_GOAL,
            ),
            goal(
                "whole life at most 160 µs of own CPU",
                format!("{own:.0} µs"),
                own <= OWN_GOAL_MICROS,
            ),
            goal(
                "worker's peak below 64 MiB",
                format!("{peak:.1} MiB"),
                peak < PEAK_GOAL_MIB,
            ),
        ];
        goals.extend(all.map(|all| {
            goal(
                "whole life with broker and database at most 450 µs",
                format!("{all:.0} µs"),
                all <= ALL_GOAL_MICROS,
            )
        }));
        Measurement {
            ratio: Some(Ratio {
                value: ratio,
                to: "the bare pipeline",
            }),
            goals,
            ..work
        }
    }

    fn beside_one(&self, work: Measurement, runs: &[Whole], n: u64) -> Measurement {
        let rates = runs.iter().zip(&self.own[0]);
        let ratio = median(rates.map(|(many, one)| rate(&many.work, n) / rate(&one.work, n)));
        Measurement {
            ratio: Some(Ratio {
                value: ratio,
                to: "one process",
            }),
            ..work
        }
    }
}

impl Whole {
    fn own(&self) -> Duration {
        self.enqueue.own + self.work.own
    }

    fn with_servers(&self) -> Option<Duration> {
        let servers = [self.enqueue.servers, self.work.servers];
        let used = servers.map(|used| Some(used.broker? + used.database?));
        Some(self.own() + used[0]? + used[1]?)
    }
}

async fn carry(
    bench: &Bench<'_>,
    simulator: &Simulator,
    processes: u32,
) -> Result<(Whole, Option<Stage>)> {
    let n = bench.scale.sessions;
    let mut fleet = bench.fleet(simulator, "crossing").await?;
    let (enqueue, _) = registering::enqueue(bench, &mut fleet, (&bench.export, n)).await?;
    let meter = Meter::start(&bench.servers, Some(simulator), Some(&mut fleet.database)).await?;
    let workers = fleet.work(processes)?;
    let own = workers.iter().map(|worker| worker.end.usage.cpu).sum();
    let mut work = meter.stop(own, Some(&mut fleet.database)).await?;
    let begin = workers.iter().map(|worker| worker.begin.at).min();
    let end = workers.iter().map(|worker| worker.end.at).max();
    if let (Some(begin), Some(end)) = (begin, end) {
        work.wall = end - begin;
    }
    work.pss_kib = Some(workers.iter().map(|worker| worker.pss_kib).sum());
    work.peak_kib = workers.iter().map(|worker| worker.end.usage.peak_kib).max();
    let statements = fleet.database.take_statements().await;
    let stage =
        statements.map(|statements| Stage::new("`ferry work`", n, statements, work.written));
    let books = fleet.books()?;
    let all = books.balance() && books.migrated == n;
    ensure!(all, "not every session was carried: {books:?}");
    fleet.leave().await?;
    Ok((Whole { enqueue, work }, stage))
}

fn rate(cost: &Cost, n: u64) -> f64 {
    per_second(n, cost.wall)
}

fn goal(wanted: &'static str, measured: String, met: bool) -> Goal {
    Goal {
        wanted,
        measured,
        met,
    }
}
