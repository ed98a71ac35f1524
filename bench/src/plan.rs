//! What is measured, in which order, with what.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use ferry_sim::Faults;

use crate::crossing::{self, Crossings};
use crate::exports;
use crate::ferry::{Run, Until, Watched};
use crate::folder::Folder;
use crate::inserting::{self, Token};
use crate::measurement::{Measurement, Report};
use crate::scale::Scale;
use crate::simulator::Simulator;
use crate::{bare_client, machine, reading, registering};

/// Where everything is.
pub(crate) struct Plan<'a> {
    pub(crate) ferry: &'a Path,
    pub(crate) folder: &'a Folder,
    pub(crate) scale: Scale,
    pub(crate) quick: bool,
}

/// Each call to the simulator takes so long, in milliseconds.
const LATENCY_MS: u64 = 20;

impl Plan<'_> {
    /// Measures everything.
    pub(crate) async fn carry_out(&self) -> Result<Report> {
        let machine = machine::described()?;
        let exports = Exports::write(self.folder, self.scale)?;
        let token_bytes = reading::token_bytes(&exports.many)?;
        let mut measurements = self.raw_parts(&exports).await?;
        let sealed = measurements.last().map(|inserted| inserted.per_second);
        eprintln!("ferry run, {} rows", self.scale.many);
        let (large, some) = self.on_empty_ledgers(&exports)?;
        measurements.extend(registering::of(&large, self.scale.many, sealed));
        eprintln!("crossings beside the bare client");
        let crossings = self.compared(&exports).await?;
        eprintln!("registering into a full ledger");
        let again = self.run(&exports.more, "large", "more", Until::Registered)?;
        let into_full = registering::into_full(&again, self.scale.many, sealed);
        measurements.push(into_full);
        measurements.extend(crossings.measurements(self.scale));
        measurements.extend(crossing::memory((&some, &large), self.scale));
        Ok(Report {
            machine,
            quick: self.quick,
            token_bytes,
            measurements,
            ..Report::default()
        })
    }

    /// Without Ferry's ledger. Inserting with sealed tokens comes last.
    async fn raw_parts(&self, exports: &Exports) -> Result<Vec<Measurement>> {
        eprintln!("reading, {} rows", self.scale.many);
        let read = (0..self.scale.times).map(|_| reading::measure(&exports.many));
        let mut parts = vec![Measurement::median_of(&read.collect::<Result<Vec<_>>>()?)];
        for token in [Token::Plain, Token::Sealed] {
            eprintln!("inserting, {token:?}");
            let database = self.folder.path(&format!("{token:?}.sqlite"));
            parts.push(inserting::measure(&exports.many, &database, token).await?);
            std::fs::remove_file(database)?;
        }
        Ok(parts)
    }

    /// The run of many rows and that of some; and the small ledger is made.
    fn on_empty_ledgers(&self, exports: &Exports) -> Result<(Watched, Watched)> {
        let large = self.run(&exports.many, "large", "many", Until::End)?;
        let some = self.run(&exports.some, "some", "some", Until::End)?;
        self.run(&exports.few, "small", "few", Until::End)?;
        Ok((large, some))
    }

    /// The same crossing on top of a small and of a large ledger, each beside the bare client, all
    /// against one simulator process.
    async fn compared(&self, exports: &Exports) -> Result<Crossings> {
        let mut crossings = Crossings::default();
        let calls = usize::try_from(self.scale.some / 2)?.max(1);
        for time in 0..self.scale.times {
            let simulator = self.simulator()?;
            let bare = bare_client::measure(&simulator, &exports.some, calls).await?;
            crossings.bare.push(bare);
            for (ledger, rows) in [
                ("small", &mut crossings.on_small),
                ("large", &mut crossings.on_large),
            ] {
                let name = format!("{ledger}-{time}");
                let data = self.folder.copy_data(&self.folder.path(ledger), &name)?;
                let before = simulator.mark()?;
                let run = self.run_on(&simulator, &exports.some, (&data, "some"), Until::End)?;
                rows.push((run, simulator.mark()?.cpu_since(&before)));
                std::fs::remove_dir_all(data)?;
            }
        }
        Ok(crossings)
    }

    /// A run against a simulator of its own.
    fn run(&self, export: &Path, ledger: &str, name: &str, until: Until) -> Result<Watched> {
        let data = self.folder.path(ledger);
        self.run_on(&self.simulator()?, export, (&data, name), until)
    }

    fn run_on(
        &self,
        simulator: &Simulator,
        export: &Path,
        (data, name): (&Path, &str),
        until: Until,
    ) -> Result<Watched> {
        let watched = Run {
            ferry: self.ferry,
            simulator,
            settings: self.folder.write_settings(simulator, "")?,
            data,
            export,
            name,
            until,
        }
        .watch()?;
        if until == Until::End {
            let books = watched.books()?;
            let all = books.balance() && books.migrated == books.exported;
            ensure!(all, "not every session was carried: {books:?}");
        }
        Ok(watched)
    }

    fn simulator(&self) -> Result<Simulator> {
        simulator(self.ferry, self.scale.people())
    }
}

/// A simulator without a fault, that takes its time.
pub(crate) fn simulator(ferry: &Path, people: u64) -> Result<Simulator> {
    let faults = Faults {
        latency_ms: LATENCY_MS,
        ..Faults::default()
    };
    Simulator::start(ferry, people, &faults)
}

/// The simulator's mode, as the table names it.
pub(crate) fn simulator_mode() -> String {
    format!("fast, {LATENCY_MS} ms")
}

/// Exports that overlap nowhere but in `few`, which has the first rows of `more`.
struct Exports {
    many: PathBuf,
    some: PathBuf,
    more: PathBuf,
    few: PathBuf,
}

impl Exports {
    fn write(folder: &Folder, scale: Scale) -> Result<Self> {
        let exports = Self {
            many: folder.path("many.csv"),
            some: folder.path("some.csv"),
            more: folder.path("more.csv"),
            few: folder.path("few.csv"),
        };
        let behind = scale.many + scale.some;
        let parts = [
            (exports.many.as_path(), 0..scale.many),
            (&exports.some, scale.many..behind),
            (&exports.more, behind..behind + scale.many),
            (&exports.few, behind..behind + scale.few),
        ];
        exports::write(scale.people(), &parts)?;
        Ok(exports)
    }
}
