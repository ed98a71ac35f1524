//! `ferry demo`: a whole crossing on embedded parts.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use ferry_core::budget;
use ferry_ledger::Ledger;
use ferry_sim::export::{self, Summary};
use ferry_sim::{Faults, Options, Population, SessionState, Simulator};

use crate::cli::{DemoArgs, Global, RunArgs};
use crate::config::{Loaded, Rate};
use crate::exit::Exit;
use crate::place::place;
use crate::report::Report;
use crate::{stop, telemetry};

const FOLDER: &str = "ferry-demo";
/// Fast enough for a minute, slow enough to watch.
const CALLS_PER_SECOND: f64 = 400.0;

pub(super) async fn execute(global: Global, args: DemoArgs) -> Result<Exit> {
    // A demonstration is not to call a project that happens to be configured: defaults only.
    let mut loaded = Loaded::defaults();
    telemetry::init(loaded.config.log.format);
    let folder = fresh_folder(global.data.as_deref().unwrap_or(Path::new(FOLDER)))?;
    let mut simulator = Simulator::start(Options {
        population: Population::realistic(args.sessions, args.seed),
        faults: Faults {
            // Refusals at random would be taken for a limit, and slow it down.
            error_429: 0.0,
            ..Faults::realistic(args.seed)
        },
        ..Options::default()
    })
    .await?;
    let file = folder.join("sessions.csv");
    let written = write_export(&simulator, &file)?;
    if !args.json {
        introduce(&simulator, &written, &file);
    }
    settle_in(&mut loaded, &simulator, &folder)?;
    let stop = stop::on_signals(None)?;
    let run = RunArgs {
        export: file,
        run: Some("demo".to_owned()),
        rate: None,
        concurrency: None,
        audit_timeout: 60,
        json: args.json,
    };
    let (mut report, exit) = Box::pin(super::run::carry(&loaded, &run, &stop)).await?;
    let extra_alive = extra_alive(&simulator, &loaded).await?;
    simulator.stop().await;
    report.audit.extra_alive = Some(extra_alive);
    report.print(args.json)?;
    if !args.json {
        println!("{}", what_next(&folder));
    }
    Ok(verdict(exit, &report))
}

/// A folder of its own each time: `ferry-demo`, or the one that `--data` names, made anew.
fn fresh_folder(folder: &Path) -> Result<PathBuf> {
    let marker = folder.join("made-by-ferry-demo");
    if folder.exists() {
        if !marker.is_file() && fs::read_dir(folder)?.next().is_some() {
            return Err(anyhow!(
                "{} is not a folder of the demo: give another one with --data",
                folder.display()
            ));
        }
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    fs::write(marker, "`ferry demo` replaces this folder each time.\n")?;
    Ok(folder.to_owned())
}

fn write_export(simulator: &Simulator, file: &Path) -> Result<Summary> {
    let mut writer = BufWriter::new(File::create(file)?);
    Ok(export::write(
        simulator.population(),
        &mut writer,
        &simulator.export_options(),
    )?)
}

/// Points the settings at the simulator.
fn settle_in(loaded: &mut Loaded, simulator: &Simulator, folder: &Path) -> Result<()> {
    let config = &mut loaded.config;
    let credentials = simulator.credentials();
    config.stytch.base_url = Some(simulator.base_url().to_owned());
    config.stytch.project_id.clone_from(&credentials.project_id);
    config.stytch.secret = credentials.secret.clone().into();
    config.rates.stytch = Rate::PerSecond(budget::Rate::per_second(CALLS_PER_SECOND)?);
    folder.clone_into(&mut config.data.folder);
    // What is refused for good shall be dead within the minute.
    config.retry.base = Duration::from_millis(200).into();
    config.retry.cap = Duration::from_secs(2).into();
    config.retry.max_attempts = 5;
    config.stytch.call_timeout = Duration::from_secs(2).into();
    config.worker.quiet = Duration::from_secs(3).into();
    Ok(())
}

fn introduce(simulator: &Simulator, written: &Summary, file: &Path) {
    println!(
        "A simulated Stytch and a legacy provider serve at {}\n\
         and fail now and then.\n\
         {} rows of legacy sessions are in {}.\n",
        simulator.base_url(),
        written.rows,
        file.display()
    );
}

/// Sessions alive at the simulator that no mapping names, and mappings whose session is not alive.
async fn extra_alive(simulator: &Simulator, loaded: &Loaded) -> Result<u64> {
    let mut alive: HashSet<String> = simulator
        .sessions()
        .into_iter()
        .filter(|session| session.state == SessionState::Alive)
        .map(|session| session.session_id)
        .collect();
    let ledger = place(&loaded.config)?.look().await?;
    let missing = strike_out_mapped(&ledger, &mut alive).await?;
    ledger.close().await;
    if missing > 0 {
        return Err(anyhow!(
            "{missing} mapped sessions are not alive: this is a fault in Ferry"
        ));
    }
    Ok(alive.len() as u64)
}

/// Takes the mapped sessions out of those alive; returns how many mappings found none.
async fn strike_out_mapped(ledger: &Ledger, alive: &mut HashSet<String>) -> Result<u64> {
    const PAGE: u32 = 10_000;
    let mut missing = 0;
    let mut page = ledger.mappings(None, PAGE).await?;
    while let Some(last) = page.last().map(|mapping| mapping.session) {
        for mapping in &page {
            missing += u64::from(!alive.remove(&mapping.member_session_id));
        }
        page = ledger.mappings(Some(last), PAGE).await?;
    }
    Ok(missing)
}

fn what_next(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "\nLook around:\n\
         \x20 the mapping    sqlite3 {folder}/ledger.sqlite 'SELECT hex(legacy_key), member_session_id FROM mappings JOIN sessions ON id = session_id LIMIT 3'\n\
         \x20 the rejects    {folder}/rejects-demo.csv\n\
         \x20 the report     ferry status demo --data {folder}\n\
         Next: `ferry sim` and `ferry sim export` to try your own settings, then\n\
         README.md, \"A first real run\"."
    )
}

/// The demonstration succeeded if all adds up; dead letters are part of it.
fn verdict(exit: Exit, report: &Report) -> Exit {
    let clean = report.books.balance()
        && report.books.open() == 0
        && report.audit.unresolved == 0
        && report.audit.extra_alive == Some(0);
    match exit {
        Exit::Done | Exit::DeadLetters if clean => Exit::Done,
        Exit::Done | Exit::DeadLetters => Exit::Failed,
        other => other,
    }
}
