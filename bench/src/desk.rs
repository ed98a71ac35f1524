//! The operator's desk: how long commands take that look through everything, on ledgers of both
//! kinds that are filled by SQL.

mod fill;
mod listing;
mod looking;
mod replaying;

use std::path::Path;

use anyhow::{Context, Result};
use ferry_core::id::RunId;
use ferry_ledger::runs::RunSource;
use ferry_ledger::{Ledger, PostgresSettings, PostgresUrl, SystemClock};

use crate::fleet::command::{Fleet, keys};
use crate::fleet::{Bench, Scale};
use crate::folder::Folder;
use crate::measurement::{Measurement, Report};
use crate::{exports, machine, planning, reading};
use fill::Tables;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Dead sessions. The ledger has five times as many in all, and an export as many.
    dead: u64,
    /// Of them are replayed.
    replayed: u64,
    /// How often what only looks is measured; the median counts.
    times: u32,
}

/// What the goals are about.
const DEAD: u64 = 1_000_000;
/// Enough to see that everything works.
const QUICK: u64 = 20_000;
/// Sessions for each dead one.
pub(crate) const SESSIONS_PER_DEAD: u64 = 5;
/// The larger run, and the smaller one.
const RUNS: [&str; 2] = ["wave-1", "wave-2"];

impl Sizes {
    pub(crate) fn new(quick: bool, dead: Option<u64>) -> Self {
        let dead = dead.unwrap_or(if quick { QUICK } else { DEAD });
        Self {
            dead,
            replayed: dead / 10,
            times: if quick { 1 } else { 5 },
        }
    }

    fn sessions(self) -> u64 {
        self.dead * SESSIONS_PER_DEAD
    }
}

/// Measures everything. Blocks while children are at work.
pub(crate) async fn carry_out(
    ferry: &Path,
    folder: &Folder,
    sizes: Sizes,
    quick: bool,
) -> Result<Report> {
    let machine = machine::described()?;
    let bench = Bench::start(ferry, folder, Scale::once(1)).await?;
    let (few, many) = (folder.path("few.csv"), folder.path("many.csv"));
    let some = (sizes.dead / 4).max(1);
    exports::write(
        sizes.dead,
        &[(few.as_path(), 0..some), (many.as_path(), 0..sizes.dead)],
    )?;
    eprintln!("plan, {} rows", sizes.dead);
    let read = reading::measure(&many)?;
    let ceiling = read.per_second;
    let mut measurements = vec![
        read,
        planning::measure(ferry, &few, some, ceiling)?,
        planning::measure(ferry, &many, sizes.dead, ceiling)?,
    ];
    let token_bytes = reading::token_bytes(&many)?;
    std::fs::remove_file(&many)?;
    let simulator = bench.simulator()?;
    for place in [Place::File, Place::Server] {
        let fleet = bench.fleet(&simulator, "desk").await?;
        let desk = Desk {
            place,
            sizes,
            fleet: &fleet,
        };
        measurements.extend(desk.measure().await?);
        if place == Place::File {
            std::fs::remove_dir_all(&fleet.data)?;
        }
        fleet.leave().await?;
    }
    Ok(Report {
        machine,
        servers: Some(bench.servers.described.clone()),
        quick,
        token_bytes,
        measurements,
        ..Report::default()
    })
}

/// Where the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Server,
}

/// A ledger, and the commands that look into it.
struct Desk<'a> {
    place: Place,
    sizes: Sizes,
    fleet: &'a Fleet<'a>,
}

impl Desk<'_> {
    async fn measure(&self) -> Result<Vec<Measurement>> {
        eprintln!(
            "filling {}, {} sessions",
            self.named(),
            self.sizes.sessions()
        );
        let ledger = self.ledger().await?;
        let mut tables = self.tables().await?;
        let mut runs = Vec::new();
        for name in RUNS {
            runs.push(begin(&ledger, name).await?);
        }
        tables.fill(self.sizes, &runs).await?;
        for run in &runs {
            ledger.end_registering(*run).await?;
        }
        tables.settle_down().await?;
        eprintln!("{}: books", self.named());
        let mut all = looking::measure(self, &ledger, &mut tables, runs[0]).await?;
        eprintln!("{}: dead list", self.named());
        all.extend(listing::measure(self, &mut tables).await?);
        eprintln!("{}: replay", self.named());
        all.extend(replaying::measure(self, &ledger, &mut tables, runs[0]).await?);
        ledger.close().await;
        Ok(all)
    }

    fn named(&self) -> &'static str {
        match self.place {
            Place::File => "SQLite",
            Place::Server => "PostgreSQL",
        }
    }

    async fn ledger(&self) -> Result<Ledger> {
        Ok(match self.place {
            Place::File => {
                std::fs::create_dir_all(&self.fleet.data)?;
                let clock = std::sync::Arc::new(SystemClock::start());
                Ledger::open(&self.file(), keys(), clock).await?
            }
            Place::Server => {
                let url = PostgresUrl::parse(&self.fleet.database.url)
                    .ok()
                    .context("a database's URL")?;
                Ledger::connect(PostgresSettings::new(url), keys()).await?
            }
        })
    }

    async fn tables(&self) -> Result<Tables> {
        match self.place {
            Place::File => Tables::of_file(&self.file()).await,
            Place::Server => Tables::of_server(&self.fleet.database.url).await,
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.fleet.data.join("ledger.sqlite")
    }
}

async fn begin(ledger: &Ledger, name: &str) -> Result<RunId> {
    let source = RunSource {
        name: name.to_owned(),
        location: format!("{name}.csv"),
        digest: [7; 32],
    };
    Ok(ledger.begin_run(&source).await?.id)
}
