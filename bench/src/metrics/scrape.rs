//! `ferry serve` on a ledger of millions: how long a scrape takes while the ledger is looked through.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::filling::fill;
use super::scraping::{free_address, scrape};
use crate::ferry::Running;
use crate::figure::{median, mib, per_second};
use crate::folder::Folder;
use crate::measurement::{Goal, Measurement};
use crate::process::Mark;
use crate::{exports, plan};

/// Rows that Ferry registers by itself, so that the ledger is one of its own.
const FIRST_ROWS: u64 = 100;
/// Over a look through the ledger, its rest, and the next one.
const WATCHED: Duration = Duration::from_secs(90);
const BETWEEN_SCRAPES: Duration = Duration::from_millis(250);
/// A look through the ledger ends within this.
const PATIENCE: Duration = Duration::from_mins(5);
const GOAL: Duration = Duration::from_millis(250);

/// In the text, when the ledger was read, and how long that took.
const READ_AT: &str = "ferry_ledger_read_timestamp_seconds ";
const TOOK: &str = "ferry_ledger_read_duration_seconds ";

pub(super) async fn measure(ferry: &Path, folder: &Folder, sessions: u64) -> Result<Measurement> {
    let data = folder.path("scraped");
    register(ferry, folder, &data)?;
    fill(&data, sessions).await?;
    let address = free_address()?;
    let mut command = Command::new(ferry);
    command
        .args(["serve", "--listen", &address.to_string(), "--data"])
        .arg(&data)
        .current_dir(folder.path(""))
        .env_clear()
        .env("RUST_LOG", "off")
        .stdin(Stdio::null());
    let running = Running(command.spawn().context("ferry does not start")?);
    until_read(address)?;
    let (mut times, mut readings, mut took) = (Vec::new(), Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < WATCHED {
        let asked = Instant::now();
        let text = scrape(address)?;
        times.push(asked.elapsed());
        let read_at = value(&text, READ_AT).context("the time of reading")?;
        if readings.last() != Some(&read_at) {
            readings.push(read_at);
            took.push(value(&text, TOOK).context("how long reading took")?);
        }
        thread::sleep(BETWEEN_SCRAPES);
    }
    let usage = Mark::now(running.0.id())?.usage;
    let slowest = times.iter().max().copied().unwrap_or_default();
    let seconds = times.iter().map(Duration::as_secs_f64);
    Ok(Measurement {
        part: format!(
            "scrape of `ferry serve`, ten runs: median {:.1} ms; the ledger read {} times in {} s, {:.1} s each",
            median(seconds) * 1e3,
            readings.len(),
            WATCHED.as_secs(),
            median(took),
        ),
        n: sessions,
        times: u32::try_from(times.len())?,
        per_second: per_second(times.len() as u64, times.iter().sum()),
        peak_mib: Some(mib(usage.peak_kib)),
        goals: vec![Goal {
            wanted: "the slowest below 250 ms",
            measured: format!("{:.1} ms", slowest.as_secs_f64() * 1e3),
            met: slowest < GOAL,
        }],
        ..Measurement::default()
    })
}

fn register(ferry: &Path, folder: &Folder, data: &Path) -> Result<()> {
    let export = folder.path("first.csv");
    exports::write(FIRST_ROWS, &[(&export, 0..FIRST_ROWS)])?;
    let simulator = plan::simulator(ferry, FIRST_ROWS)?;
    let settings = folder.write_settings(&simulator, "")?;
    let status = Command::new(ferry)
        .arg("enqueue")
        .arg(&export)
        .args(["--run", "run-1", "--config"])
        .arg(&settings)
        .arg("--data")
        .arg(data)
        .env_clear()
        .env("FERRY_STYTCH__SECRET", &simulator.secret)
        .env("RUST_LOG", "off")
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "`ferry enqueue` ended with {status}");
    Ok(())
}

fn until_read(address: SocketAddr) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if scrape(address).is_ok_and(|text| value(&text, READ_AT).is_some()) {
            return Ok(());
        }
        thread::sleep(BETWEEN_SCRAPES);
    }
    bail!("the ledger was not read within {} s", PATIENCE.as_secs())
}

fn value(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}
