//! The fleet: ledger on PostgreSQL, queue on RabbitMQ, beside a bare publisher and a bare pipeline.

mod bare_pipeline;
pub(crate) mod command;
pub(crate) mod crossing;
pub(crate) mod database;
pub(crate) mod meter;
mod publishing;
pub(crate) mod queues;
pub(crate) mod registering;
mod servers;
pub(crate) mod statements;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::folder::Folder;
use crate::measurement::Report;
use crate::simulator::Simulator;
use crate::{exports, machine, plan, reading};

use command::Fleet;
use crossing::Rounds;
use database::Database;
use queues::Queues;
use servers::Servers;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Rows that are registered at once.
    rows: u64,
    /// Sessions of each run from end to end.
    pub(crate) sessions: u64,
    messages: u64,
    /// How often what varies is measured; the median counts.
    times: u32,
}

/// Where everything is.
pub(crate) struct Bench<'a> {
    pub(crate) ferry: &'a Path,
    pub(crate) folder: &'a Folder,
    pub(crate) servers: Servers,
    pub(crate) scale: Scale,
    /// The sessions that are carried.
    pub(crate) export: PathBuf,
}

/// Beyond these a measurement only takes longer.
const MOST_SESSIONS: u64 = 50_000;
const MESSAGES: u64 = 100_000;

impl Scale {
    pub(crate) fn new(quick: bool, sessions: Option<u64>) -> Self {
        let rows = sessions.unwrap_or(if quick { 5_000 } else { 200_000 });
        Self {
            rows,
            sessions: rows.min(MOST_SESSIONS),
            messages: if quick { MESSAGES / 20 } else { MESSAGES },
            times: if quick { 1 } else { 3 },
        }
    }

    /// So many sessions, from end to end, once.
    pub(crate) fn once(sessions: u64) -> Self {
        Self {
            rows: sessions,
            sessions,
            messages: 0,
            times: 1,
        }
    }
}

/// Measures everything. Blocks while children are at work.
pub(crate) async fn carry_out(
    ferry: &Path,
    folder: &Folder,
    scale: Scale,
    quick: bool,
) -> Result<Report> {
    let machine = machine::described()?;
    let bench = Bench::start(ferry, folder, scale).await?;
    let (all, part) = (folder.path("all.csv"), bench.export.as_path());
    let parts = [(all.as_path(), 0..scale.rows), (part, 0..scale.sessions)];
    exports::write(scale.rows, &parts)?;
    eprintln!("publishing, {} messages", scale.messages);
    let published = publishing::measure(&bench.servers, scale.messages, scale.times).await?;
    eprintln!("registering, {} rows", scale.rows);
    let (registered, registering) = registering::measure(&bench, &all).await?;
    let rounds = Rounds::run(&bench).await?;
    let measurements = published.into_iter().chain([registered]);
    Ok(Report {
        machine,
        servers: Some(bench.servers.described.clone()),
        quick,
        token_bytes: reading::token_bytes(part)?,
        measurements: measurements.chain(rounds.measurements(scale)).collect(),
        stages: registering.into_iter().chain(rounds.stage).collect(),
        ..Report::default()
    })
}

impl<'a> Bench<'a> {
    /// With servers, without an export.
    pub(crate) async fn start(ferry: &'a Path, folder: &'a Folder, scale: Scale) -> Result<Self> {
        Ok(Self {
            ferry,
            folder,
            servers: Servers::start().await?,
            scale,
            export: folder.path("fleet.csv"),
        })
    }

    /// A simulator that knows every session.
    pub(crate) fn simulator(&self) -> Result<Simulator> {
        plan::simulator(self.ferry, self.scale.rows)
    }

    /// An empty ledger and an empty queue.
    pub(crate) async fn fleet<'b>(
        &'b self,
        simulator: &'b Simulator,
        name: &str,
    ) -> Result<Fleet<'b>> {
        Ok(Fleet {
            ferry: self.ferry,
            simulator,
            settings: self.folder.write_settings(simulator, "")?,
            data: self.folder.path(name),
            database: Database::make(&self.servers, name).await?,
            queues: Queues::new(&self.servers.broker_url, name),
            keys: command::keys(),
        })
    }
}
