//! A limit that nobody has told Ferry: half of what is configured, then raised again.

use std::time::Duration;

use anyhow::Result;
use ferry_sim::{Audit, Faults};

use super::RateRow;
use super::workers::Workers;
use crate::figure::{each, float};
use crate::fleet::{Bench, registering};
use crate::measurement::Goal;
use crate::simulator::Simulator;

const CONFIGURED: u32 = 65;
const HALF: u32 = CONFIGURED / 2;
const PROCESSES: u32 = 2;

/// What was counted up to a moment.
#[derive(Debug, Clone, Copy)]
struct Counted {
    calls: u64,
    refused: u64,
    fullest: u32,
}

/// Two rows: after it was halved, and after it was raised.
pub(crate) async fn measure(bench: &Bench<'_>, minute: Duration) -> Result<[RateRow; 2]> {
    let faults = Faults {
        latency_ms: 20,
        migrate_per_second: Some(HALF),
        ..Faults::default()
    };
    let simulator = Simulator::start(bench.ferry, bench.scale.sessions, &faults)?;
    let mut fleet = bench.fleet(&simulator, "adapting").await?;
    registering::enqueue(bench, &mut fleet, (&bench.export, bench.scale.sessions)).await?;
    let workers = Workers::start(&fleet, PROCESSES, CONFIGURED)?;
    let after = async |minutes: u32| {
        std::thread::sleep(minute * minutes);
        Counted::now(&simulator).await
    };
    let (one, two) = (after(1).await?, after(1).await?);
    let three = after(1).await?;
    let raised = Faults {
        migrate_per_second: Some(CONFIGURED),
        ..faults
    };
    simulator.set_faults(&raised).await?;
    let five = after(2).await?;
    let six = after(1).await?;
    workers.end()?;
    fleet.leave().await?;
    let refused = three.since(one).refused_share();
    let used = three.since(two).per_second(minute) / f64::from(HALF);
    let back = six.since(five).per_second(minute) / f64::from(CONFIGURED);
    let row = |part, allowed, counted: Counted, goals| RateRow {
        part,
        processes: PROCESSES,
        requested: CONFIGURED,
        allowed: Some(allowed),
        achieved: counted.per_second(minute),
        fullest_sent: None,
        fullest_received: counted.fullest,
        late_milliseconds: None,
        refused: counted.refused_share(),
        goals,
    };
    Ok([
        row(
            "half of what is configured, the third minute",
            HALF,
            three.since(two),
            vec![
                share("429 below 2 % after one minute", refused, refused < 0.02),
                share(
                    "at least 90 % of the true limit after two",
                    used,
                    used >= 0.9,
                ),
            ],
        ),
        row(
            "raised again, the third minute",
            CONFIGURED,
            six.since(five),
            vec![share(
                "at least 95 % within two minutes",
                back,
                back >= 0.95,
            )],
        ),
    ])
}

fn share(wanted: &'static str, share: f64, met: bool) -> Goal {
    Goal {
        wanted,
        measured: format!("{:.2} %", share * 100.0),
        met,
    }
}

impl Counted {
    async fn now(simulator: &Simulator) -> Result<Self> {
        let audit = simulator.audit().await?;
        Ok(Self::of(&audit))
    }

    fn of(audit: &Audit) -> Self {
        let outcomes = audit.calls.get("migrate");
        let count = |wanted: fn(&str) -> bool| {
            let outcomes = outcomes.into_iter().flatten();
            outcomes
                .filter(|(outcome, _)| wanted(outcome))
                .map(|(_, count)| count)
                .sum()
        };
        Self {
            calls: count(|_| true),
            refused: count(|outcome| outcome == "too_many_requests"),
            fullest: audit.windows.busiest_sliding_migrate,
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            refused: self.refused - earlier.refused,
            fullest: self.fullest,
        }
    }

    /// Calls that were not refused.
    fn per_second(self, length: Duration) -> f64 {
        float(self.calls - self.refused) / length.as_secs_f64()
    }

    fn refused_share(self) -> f64 {
        each(self.refused, self.calls)
    }
}
