//! `ferry plan`: reading, and what is kept of each row.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::ferry::{LOOK_EVERY, Running};
use crate::figure::{mib, micros_each, per_second};
use crate::measurement::{Goal, Measurement, Ratio};
use crate::process::Mark;

const RATE_GOAL: f64 = 150_000.0;

/// Plans an export of so many rows on one core, from the start of the process to its end. `reading` is
/// the rate of reading alone.
pub(crate) fn measure(ferry: &Path, export: &Path, rows: u64, reading: f64) -> Result<Measurement> {
    // Of util-linux. The process is the binary itself, once the core is chosen.
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", "0"])
        .arg(ferry)
        .args(["plan", "--json"])
        .arg(export)
        .env_clear()
        .env("RUST_LOG", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = Running(command.spawn().context("taskset does not start")?);
    let begin = Mark::now(running.0.id())?;
    let (lines, plan) = running.read()?;
    let mut peak_kib = 0;
    // Nothing is said: the channel ends with the process.
    while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = lines.recv_timeout(LOOK_EVERY) {
        peak_kib = Mark::now(running.0.id())?.usage.peak_kib.max(peak_kib);
    }
    let end = running.end_mark()?;
    ensure!(running.0.wait()?.success(), "`ferry plan` failed");
    let plan = plan.join().ok().context("standard output is readable")?;
    let plan: Value = serde_json::from_str(&plan)?;
    let planned = plan["coverage"]["rows"].as_u64();
    ensure!(
        planned == Some(rows),
        "not every row was planned: {planned:?}"
    );
    let rate = per_second(rows, end.since(&begin));
    Ok(Measurement {
        part: "`ferry plan`, on one core".to_owned(),
        n: rows,
        times: 1,
        per_second: rate,
        own_cpu_micros: Some(micros_each(end.cpu_since(&begin), rows)),
        ratio: Some(Ratio {
            value: rate / reading,
            to: "reading",
        }),
        peak_mib: Some(mib(peak_kib)),
        goals: vec![Goal {
            wanted: "at least 150,000/s",
            measured: format!("{rate:.0}/s"),
            met: rate >= RATE_GOAL,
        }],
        ..Measurement::default()
    })
}
