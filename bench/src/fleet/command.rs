//! `ferry enqueue` and `ferry work` as child processes, watched from outside.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ferry_core::books::Books;
use ferry_ledger::seal::KeyRing;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::ferry::{CONCURRENCY, LOOK_EVERY, Running};
use crate::fleet::database::Database;
use crate::fleet::queues::Queues;
use crate::process::Mark;
use crate::simulator::Simulator;
use crate::tree;

/// A ledger and a queue of its own, for one run.
pub(crate) struct Fleet<'a> {
    pub(crate) ferry: &'a Path,
    pub(crate) simulator: &'a Simulator,
    pub(crate) settings: PathBuf,
    /// Where rejects files would go.
    pub(crate) data: PathBuf,
    pub(crate) database: Database,
    pub(crate) queues: Queues,
    pub(crate) keys: KeyRing,
}

/// What was seen of one process.
pub(crate) struct Ended {
    pub(crate) begin: Mark,
    /// Its peak is the last that was seen.
    pub(crate) end: Mark,
    /// The most memory that was seen, what it shares with others counted in part.
    pub(crate) pss_kib: u64,
    /// Before the export's first row was read, and after its last was in the ledger.
    pub(crate) registering: Option<(Mark, Mark)>,
    /// The last line of standard output, as JSON.
    report: Value,
}

const RUN: &str = "bench";
/// Log lines that are shown when it fails.
const LINES_KEPT: usize = 20;
/// Adding up a process's pages takes a moment of its time.
pub(crate) const WEIGH_EVERY: Duration = Duration::from_secs(1);

/// The same in every measurement.
pub(crate) fn keys() -> KeyRing {
    KeyRing::generate("bench", &mut StdRng::seed_from_u64(7))
}

impl Fleet<'_> {
    pub(crate) fn enqueue(&self, export: &Path) -> Result<Ended> {
        let mut command = self.command("enqueue");
        command
            .arg(export)
            .args(["--run", RUN, "--rate", "unlimited", "--json"]);
        watch(command)
    }

    /// So many workers share the calls in flight; returns when all have left.
    pub(crate) fn work(&self, processes: u32) -> Result<Vec<Ended>> {
        self.work_at(processes, "unlimited")
    }

    /// The same, at this `--rate`.
    pub(crate) fn work_at(&self, processes: u32, rate: &str) -> Result<Vec<Ended>> {
        let concurrency = (CONCURRENCY / processes).to_string();
        let start = || {
            let mut command = self.command("work");
            command
                .args(["--until-empty", "--rate", rate])
                .args(["--concurrency", &concurrency]);
            thread::spawn(|| watch(command))
        };
        let workers: Vec<_> = (0..processes).map(|_| start()).collect();
        let join = |worker: thread::JoinHandle<_>| worker.join().ok().context("a watcher panicked");
        workers.into_iter().map(|worker| join(worker)?).collect()
    }

    /// The run's books now.
    pub(crate) fn books(&self) -> Result<Books> {
        let mut command = self.command("status");
        command.args([RUN, "--json"]);
        watch(command)?.books()
    }

    /// The binary with this verb, and the settings of this fleet.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(self.ferry);
        command
            .arg(verb)
            .arg("--config")
            .arg(&self.settings)
            .arg("--data")
            .arg(&self.data)
            .env_clear()
            .env("FERRY_STYTCH__SECRET", &self.simulator.secret)
            .env("FERRY_LEDGER__URL", &self.database.url)
            .env("FERRY_QUEUE__URL", self.queues.url())
            .env("FERRY_QUEUE__PREFIX", &self.queues.prefix)
            .env("FERRY_DATA__KEYS", self.keys.to_text().as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Ended {
    /// The run's books, from its report.
    pub(crate) fn books(&self) -> Result<Books> {
        serde_json::from_value(self.report["books"].clone()).context("a report with books")
    }
}

/// Runs it to its end, and fails unless it ends well.
fn watch(mut command: Command) -> Result<Ended> {
    let mut running = Running(command.spawn().context("ferry does not start")?);
    let begin = Mark::now(running.0.id())?;
    let (lines, report) = running.read()?;
    let (mut run, mut registered) = (None, None);
    let (mut peak_kib, mut pss_kib, mut weighed) = (0, 0, begin.at);
    let mut last_lines = Vec::new();
    loop {
        match lines.recv_timeout(LOOK_EVERY) {
            Ok((mark, line)) => {
                match message(&line).as_deref() {
                    Some("run") => run = Some(mark),
                    Some("registered") => registered = Some(mark),
                    _ => {}
                }
                last_lines.push(line);
                if last_lines.len() > LINES_KEPT {
                    last_lines.remove(0);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        peak_kib = Mark::now(running.0.id())?.usage.peak_kib.max(peak_kib);
        if weighed.elapsed() >= WEIGH_EVERY {
            (pss_kib, weighed) = (tree::pss_kib(running.0.id())?.max(pss_kib), Instant::now());
        }
    }
    let mut end = running.end_mark()?;
    end.usage.peak_kib = peak_kib;
    let status = running.0.wait()?;
    let report = report.join().ok().context("standard output is readable")?;
    ensure!(
        status.success(),
        "ferry ended with {status}:\n{}",
        last_lines.join("\n")
    );
    let report = report.lines().last().unwrap_or_default();
    Ok(Ended {
        begin,
        end,
        pss_kib,
        registering: run.zip(registered),
        report: serde_json::from_str(report).unwrap_or_default(),
    })
}

fn message(line: &str) -> Option<String> {
    let parsed: Value = serde_json::from_str(line).ok()?;
    Some(parsed["fields"]["message"].as_str()?.to_owned())
}
