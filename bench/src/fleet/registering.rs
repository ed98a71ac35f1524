//! `ferry enqueue`: an export into PostgreSQL.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::figure::mib;
use crate::fleet::Bench;
use crate::fleet::command::Fleet;
use crate::fleet::meter::{Cost, Meter};
use crate::fleet::statements::Stage;
use crate::measurement::{Goal, Measurement};

const PEAK_GOAL_MIB: f64 = 128.0;

/// One export into an empty ledger.
pub(crate) async fn measure(
    bench: &Bench<'_>,
    export: &Path,
) -> Result<(Measurement, Option<Stage>)> {
    let simulator = bench.simulator()?;
    let mut fleet = bench.fleet(&simulator, "registering").await?;
    let (cost, stage) = enqueue(bench, &mut fleet, (export, bench.scale.rows)).await?;
    fleet.leave().await?;
    let peak = mib(cost.peak_kib.unwrap_or(0));
    let measurement = Measurement {
        rows_before: Some(0),
        processes: Some(1),
        goals: vec![Goal {
            wanted: "peak below 128 MiB",
            measured: format!("{peak:.1} MiB"),
            met: peak < PEAK_GOAL_MIB,
        }],
        ..cost.measurement("`ferry enqueue`: registering", bench.scale.rows)
    };
    Ok((measurement, stage))
}

/// Enqueues an export of so many rows. The wall time is that of registering alone, CPU times are
/// those of the whole process.
pub(crate) async fn enqueue(
    bench: &Bench<'_>,
    fleet: &mut Fleet<'_>,
    (export, rows): (&Path, u64),
) -> Result<(Cost, Option<Stage>)> {
    let meter = Meter::start(&bench.servers, None, Some(&mut fleet.database)).await?;
    let ended = fleet.enqueue(export)?;
    let mut cost = meter
        .stop(ended.end.usage.cpu, Some(&mut fleet.database))
        .await?;
    let (begun, registered) = ended
        .registering
        .context("a line that tells of registering")?;
    cost.wall = registered.since(&begun).max(Duration::from_millis(1));
    cost.peak_kib = Some(ended.end.usage.peak_kib);
    cost.pss_kib = Some(ended.pss_kib);
    let books = ended.books()?;
    let all = books.balance() && books.queued == rows;
    ensure!(all, "not every row was registered: {books:?}");
    let statements = fleet.database.take_statements().await;
    let stage =
        statements.map(|statements| Stage::new("`ferry enqueue`", rows, statements, cost.written));
    Ok((cost, stage))
}

impl Fleet<'_> {
    /// Removes its ledger and its queue.
    pub(crate) async fn leave(self) -> Result<()> {
        self.queues.delete().await?;
        self.database.drop().await
    }
}
