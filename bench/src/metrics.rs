//! What it costs to be seen: a scrape of a large ledger, and work that is scraped beside work that
//! is not.

mod cost;
mod filling;
mod scrape;
mod scraping;

use std::path::Path;

use anyhow::Result;

use crate::fleet::{Bench, Scale};
use crate::folder::Folder;
use crate::measurement::Report;
use crate::{exports, machine, reading};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// Sessions in the ledger that is scraped, in ten runs.
    sessions: u64,
    /// Sessions that are carried, scraped and not.
    carried: u64,
    /// How often; the median counts.
    times: u32,
}

impl Length {
    pub(crate) fn new(quick: bool, sessions: Option<u64>) -> Self {
        Self {
            sessions: sessions.unwrap_or(if quick { 50_000 } else { 5_000_000 }),
            carried: if quick { 5_000 } else { 50_000 },
            times: if quick { 1 } else { 5 },
        }
    }
}

/// Measures everything. Blocks while children are at work.
pub(crate) async fn carry_out(
    ferry: &Path,
    folder: &Folder,
    length: Length,
    quick: bool,
) -> Result<Report> {
    let machine = machine::described()?;
    eprintln!("scrapes of {} sessions", length.sessions);
    let scrapes = scrape::measure(ferry, folder, length.sessions).await?;
    eprintln!("what being scraped costs");
    let bench = Bench::start(ferry, folder, Scale::once(length.carried)).await?;
    exports::write(length.carried, &[(&bench.export, 0..length.carried)])?;
    let cost = cost::measure(&bench, length.times).await?;
    Ok(Report {
        machine,
        servers: Some(bench.servers.described.clone()),
        quick,
        token_bytes: reading::token_bytes(&bench.export)?,
        measurements: [scrapes].into_iter().chain(cost).collect(),
        ..Report::default()
    })
}
