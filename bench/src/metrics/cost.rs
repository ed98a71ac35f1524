//! What metrics cost: the same crossing without them, and scraped once a second.

use anyhow::{Result, ensure};

use super::scraping::{Scraper, free_address};
use crate::ferry::CONCURRENCY;
use crate::figure::{median, micros_each, per_second};
use crate::fleet::{Bench, registering};
use crate::measurement::{Goal, Measurement, Ratio};
use crate::plan::simulator_mode;

const RATIO_GOAL: f64 = 0.98;

/// In turns, so many times; who is first changes, so that neither has the better place.
pub(super) async fn measure(bench: &Bench<'_>, times: u32) -> Result<Vec<Measurement>> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..times {
        let is_first = round % 2 == 1;
        for is_scraped in [is_first, !is_first] {
            let carried = carry(bench, is_scraped).await?;
            if is_scraped { &mut with } else { &mut without }.push(carried);
        }
    }
    let pairs = with.iter().zip(&without);
    let ratio = median(pairs.map(|(with, without)| with.per_second / without.per_second));
    let without = Measurement::median_of(&without);
    let with = Measurement {
        ratio: Some(Ratio {
            value: ratio,
            to: "the one without metrics",
        }),
        goals: vec![Goal {
            wanted: "at most 2 % less",
            measured: format!("{:.1} %", ratio * 100.0),
            met: ratio >= RATIO_GOAL,
        }],
        ..Measurement::median_of(&with)
    };
    Ok(vec![without, with])
}

async fn carry(bench: &Bench<'_>, is_scraped: bool) -> Result<Measurement> {
    let n = bench.scale.sessions;
    let simulator = bench.simulator()?;
    let mut fleet = bench.fleet(&simulator, "metrics").await?;
    registering::enqueue(bench, &mut fleet, (&bench.export, n)).await?;
    let scraper = if is_scraped {
        let address = free_address()?;
        let further = format!("[health]\nlisten = \"{address}\"");
        fleet.settings = bench.folder.write_settings(&simulator, &further)?;
        Some(Scraper::start(address))
    } else {
        None
    };
    let workers = fleet.work(1)?;
    if let Some(scraper) = scraper {
        ensure!(scraper.end()? > 0, "no scrape was answered");
    }
    fleet.settings = bench.folder.write_settings(&simulator, "")?;
    let books = fleet.books()?;
    let all = books.balance() && books.migrated == n;
    ensure!(all, "not every session was carried: {books:?}");
    fleet.leave().await?;
    let worker = &workers[0];
    let part = if is_scraped {
        "`ferry work`, scraped once a second"
    } else {
        "`ferry work`, without metrics"
    };
    Ok(Measurement {
        part: part.to_owned(),
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
