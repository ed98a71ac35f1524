//! Many sessions, through faults: what grows, and whether the books balance.

mod audit;
mod tenths;

use std::path::Path;

use anyhow::Result;
use ferry_sim::{Faults, RetryAfter};

use crate::exports;
use crate::ferry::{Run, Until, Watched};
use crate::figure::{mib, micros_each, per_second};
use crate::folder::Folder;
use crate::measurement::grouped;
use crate::simulator::Simulator;
use audit::Audit;
use tenths::Tenths;

/// Each of five faults befalls so many of the calls: 2 % together.
const SHARE: f64 = 0.004;

/// Short waits, so that what is cut or refused is looked up and tried again while the run goes on.
const SETTINGS: &str = r#"call_timeout = "2s"
[worker]
lease = "10s"
quiet = "3s"
[retry]
base = "100ms"
cap = "2s"
"#;

fn faults() -> Faults {
    Faults {
        seed: exports::SEED,
        error_500: SHARE,
        error_503: SHARE,
        error_429: SHARE,
        retry_after: RetryAfter::Seconds(1),
        cut_before_minting: SHARE,
        cut_after_minting: SHARE,
        ..Faults::default()
    }
}

/// Carries so many sessions, and prints what was seen. False: something is not as it must be.
pub(crate) async fn carry_out(ferry: &Path, folder: &Folder, sessions: u64) -> Result<bool> {
    let (export, data) = (folder.path("soak.csv"), folder.path("soak"));
    exports::write(sessions, &[(&export, 0..sessions)])?;
    let simulator = Simulator::start(ferry, sessions, &faults())?;
    let watched = Run {
        ferry,
        simulator: &simulator,
        settings: folder.write_settings(&simulator, SETTINGS)?,
        data: &data,
        export: &export,
        name: "soak",
        until: Until::End,
    }
    .watch()?;
    let tenths = Tenths::of(&watched);
    let audit = Audit::take(&simulator, &data).await?;
    print_run(&watched, sessions)?;
    print!("{}", tenths.markdown());
    audit.print();
    let books = watched.books()?;
    let verdicts = [
        (
            "the books balance",
            books.balance() && books.exported == sessions,
        ),
        ("every session is final", books.open() == 0),
        (
            "nothing is left to look up",
            watched.audit("unresolved") == 0,
        ),
        (
            "no session is alive that nobody recorded",
            audit.extra_alive == 0,
        ),
        ("no legacy session has two alive", audit.doubled == 0),
        ("every mapped session is alive", audit.mapped_not_alive == 0),
        (
            "every migrated session is mapped",
            audit.mapped == books.migrated,
        ),
        ("memory is flat", tenths.is_memory_flat()),
        ("open files are flat", tenths.are_files_flat()),
    ];
    for (fact, holds) in verdicts {
        println!("- {fact}: {}", if holds { "yes" } else { "**no**" });
    }
    Ok(verdicts.iter().all(|(_, holds)| *holds))
}

fn print_run(watched: &Watched, sessions: u64) -> Result<()> {
    let books = watched.books()?;
    let crossing = watched.crossing();
    println!(
        "{} sessions, 2 % faults ({} % each of 500, 503, 429, cut before and cut after minting), exit code {}.",
        grouped(sessions),
        SHARE * 100.0,
        watched.status.code().unwrap_or(-1),
    );
    println!(
        "Registered in {:.0} s. Carried in {:.0} s, the audit of {} attempts included: {:.0}/s, {:.0} µs of own CPU each, peak {:.1} MiB.",
        watched.registered.since(&watched.begun).as_secs_f64(),
        crossing.as_secs_f64(),
        grouped(watched.audit("second_look")),
        per_second(sessions, crossing),
        micros_each(watched.end.cpu_since(&watched.registered), sessions),
        mib(watched.end.usage.peak_kib),
    );
    println!("Books: {books:?}");
    println!("Twins revoked: {}.\n", watched.audit("revoked"));
    Ok(())
}
