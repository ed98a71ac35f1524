//! What a fleet makes of a limit: how much of it is used, how full the fullest second is at the
//! sender and at the receiver, and how soon an unknown limit is found.

mod adapting;
mod cost;
mod paced;
mod row;
mod sender;
mod workers;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::fleet::{Bench, Scale};
use crate::folder::Folder;
use crate::measurement::Report;
use crate::{machine, reading};

pub(crate) use row::{RateRow, table};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Known limits.
    Limits,
    /// The search for an unknown limit.
    Search,
    /// What the limiter costs.
    Cost,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// Limits, in calls per second; each with one worker and with eight.
    limits: &'static [u32],
    /// A limit that is known is looked at for so long, after the start.
    paced: Duration,
    /// The time scale of the search for an unknown limit: its goals are at one and at two minutes.
    minute: Duration,
    /// Sessions that show what the limiter costs.
    sessions: u64,
    /// How often; the median counts.
    times: u32,
}

impl Length {
    pub(crate) fn new(quick: bool) -> Self {
        if quick {
            Self {
                limits: &[65],
                paced: Duration::from_secs(10),
                minute: Duration::from_secs(10),
                sessions: 5_000,
                times: 1,
            }
        } else {
            Self {
                limits: &[5, 65, 500],
                paced: Duration::from_mins(1),
                minute: Duration::from_mins(1),
                sessions: 50_000,
                times: 3,
            }
        }
    }
}

/// Measures everything, or one part. Blocks while children are at work.
pub(crate) async fn carry_out(
    ferry: &Path,
    folder: &Folder,
    quick: bool,
    only: Option<Part>,
) -> Result<Report> {
    let machine = machine::described()?;
    let length = Length::new(quick);
    let bench = Bench::start(ferry, folder, Scale::once(length.sessions)).await?;
    crate::exports::write(length.sessions, &[(&bench.export, 0..length.sessions)])?;
    let is_asked_for = |part| only.is_none_or(|only| only == part);
    let mut rates = Vec::new();
    if is_asked_for(Part::Limits) {
        for limit in length.limits {
            for processes in [1, 8] {
                eprintln!("{limit} per second, {processes} workers");
                rates.push(paced::measure(&bench, *limit, processes, length.paced).await?);
            }
        }
    }
    if is_asked_for(Part::Search) {
        eprintln!("an unknown limit");
        rates.extend(adapting::measure(&bench, length.minute).await?);
    }
    let mut measurements = Vec::new();
    if is_asked_for(Part::Cost) {
        eprintln!("what the limiter costs");
        measurements = cost::measure(&bench, length.times).await?;
    }
    Ok(Report {
        machine,
        servers: Some(bench.servers.described.clone()),
        quick,
        token_bytes: reading::token_bytes(&bench.export)?,
        measurements,
        rates,
        ..Report::default()
    })
}
