//! `ferry run` as a child process, watched from outside.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ferry_core::books::Books;
use serde_json::Value;

use crate::process::{Mark, open_files};
use crate::simulator::Simulator;

/// One `ferry run`.
pub(crate) struct Run<'a> {
    pub(crate) ferry: &'a Path,
    pub(crate) simulator: &'a Simulator,
    pub(crate) settings: PathBuf,
    pub(crate) data: &'a Path,
    pub(crate) export: &'a Path,
    /// The name of the run.
    pub(crate) name: &'a str,
    pub(crate) until: Until,
}

/// How far it is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The export is in the ledger; then the process is ended.
    Registered,
    /// The report.
    End,
}

/// What was seen of it.
pub(crate) struct Watched {
    /// Before the export's first row was read.
    pub(crate) begun: Mark,
    /// After its last row was in the ledger, and the index built.
    pub(crate) registered: Mark,
    /// How long the index took.
    pub(crate) index: Duration,
    /// When a log line first told that no session is open any more, if one did.
    pub(crate) settled: Option<Mark>,
    /// All over; its peak is the last that was seen.
    pub(crate) end: Mark,
    pub(crate) samples: Vec<Sample>,
    pub(crate) status: ExitStatus,
    /// The last line of standard output, as JSON.
    report: Value,
}

/// A look at the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) mark: Mark,
    pub(crate) open_files: usize,
}

/// Calls in flight in every measurement.
pub(crate) const CONCURRENCY: u32 = 256;

/// Between two looks at the process: its peak is known but for what it grows in its last moments.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// So many attempts of unknown outcome may be left to look up at the end, one after the other.
const AUDIT_TIMEOUT_SECONDS: u32 = 3600;

impl Run<'_> {
    /// Runs it, and fails unless it ends as it should: finished, or ended after registering.
    pub(crate) fn watch(self) -> Result<Watched> {
        let mut running = Running(self.command().spawn().context("ferry does not start")?);
        let (lines, report) = running.read()?;
        let mut seen = Seen::default();
        loop {
            match lines.recv_timeout(LOOK_EVERY) {
                Ok((mark, line)) => seen.line(mark, &line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            seen.look(running.0.id())?;
            if self.until == Until::Registered && seen.registered.is_some() {
                running.0.kill()?;
            }
        }
        let end = running.end_mark()?;
        let status = running.0.wait()?;
        let report = report.join().ok().context("standard output is readable")?;
        ensure!(
            self.until == Until::Registered || matches!(status.code(), Some(0 | 3)),
            "`ferry run` ended with {status}:\n{}",
            seen.last_lines.join("\n")
        );
        seen.watched(end, status, &report)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.ferry);
        command
            .arg("run")
            .arg(self.export)
            .args(["--run", self.name, "--rate", "unlimited", "--json"])
            .args(["--concurrency", &CONCURRENCY.to_string()])
            .args(["--audit-timeout", &AUDIT_TIMEOUT_SECONDS.to_string()])
            .arg("--config")
            .arg(&self.settings)
            .arg("--data")
            .arg(self.data)
            .env_clear()
            .env("FERRY_STYTCH__SECRET", &self.simulator.secret)
            // The index tells its time at this level.
            .env("RUST_LOG", "info,ferry_ledger=debug")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A line on standard error, with the process as it was then.
pub(crate) type LogLine = (Mark, String);

/// A child that does not outlive its owner.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Log lines as they come, each with the moment; and standard output as a whole.
    pub(crate) fn read(&mut self) -> Result<(Receiver<LogLine>, JoinHandle<String>)> {
        let process = self.0.id();
        let standard_error = self.0.stderr.take().context("standard error is piped")?;
        let mut standard_output = self.0.stdout.take().context("standard output is piped")?;
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(standard_error).lines() {
                let (Ok(line), Ok(mark)) = (line, Mark::now(process)) else {
                    return;
                };
                if send.send((mark, line)).is_err() {
                    return;
                }
            }
        });
        let report = thread::spawn(move || {
            let mut text = String::new();
            // Unreadable is as good as empty: no report is found in it.
            let _ = standard_output.read_to_string(&mut text);
            text
        });
        Ok((lines, report))
    }

    /// Standard error is closed: the process ends within moments, and keeps its times until it is
    /// waited for.
    pub(crate) fn end_mark(&self) -> Result<Mark> {
        let first = Mark::now(self.0.id())?;
        loop {
            let mark = Mark::now(self.0.id())?;
            if mark.usage.is_over {
                return Ok(Mark {
                    at: first.at,
                    ..mark
                });
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[derive(Default)]
struct Seen {
    begun: Option<Mark>,
    registered: Option<Mark>,
    settled: Option<Mark>,
    index: Duration,
    samples: Vec<Sample>,
    peak_kib: u64,
    last_lines: Vec<String>,
}

/// Log lines that are shown when it fails.
const LINES_KEPT: usize = 20;

impl Seen {
    fn line(&mut self, mark: Mark, line: &str) {
        let parsed: Value = serde_json::from_str(line).unwrap_or_default();
        let fields = &parsed["fields"];
        match fields["message"].as_str() {
            Some("run") => self.begun = Some(mark),
            Some("index built") => {
                self.index = Duration::from_secs_f64(fields["seconds"].as_f64().unwrap_or(0.0));
            }
            Some("registered") => self.registered = Some(mark),
            Some("crossing") if fields["open"] == 0 && self.settled.is_none() => {
                self.settled = Some(mark);
            }
            _ => {}
        }
        self.keep(line);
    }

    fn keep(&mut self, line: &str) {
        if self.last_lines.len() == LINES_KEPT {
            self.last_lines.remove(0);
        }
        self.last_lines.push(line.to_owned());
    }

    fn look(&mut self, process: u32) -> Result<()> {
        let mark = Mark::now(process)?;
        self.peak_kib = self.peak_kib.max(mark.usage.peak_kib);
        // In its last moments it has no memory any more.
        if mark.usage.resident_kib > 0 {
            self.samples.push(Sample {
                mark,
                open_files: open_files(process),
            });
        }
        Ok(())
    }

    fn watched(self, mut end: Mark, status: ExitStatus, report: &str) -> Result<Watched> {
        let (Some(begun), Some(registered)) = (self.begun, self.registered) else {
            bail!("no registering seen:\n{}", self.last_lines.join("\n"));
        };
        end.usage.peak_kib = self.peak_kib;
        let report = report.lines().last().unwrap_or_default();
        Ok(Watched {
            begun,
            registered,
            index: self.index,
            settled: self.settled,
            end,
            samples: self.samples,
            status,
            report: serde_json::from_str(report).unwrap_or_default(),
        })
    }
}

impl Watched {
    /// Without the index.
    pub(crate) fn registering(&self) -> Duration {
        let whole = self.registered.since(&self.begun);
        whole.saturating_sub(self.index)
    }

    /// From the first call to the process's end, the report included.
    pub(crate) fn crossing(&self) -> Duration {
        self.end.since(&self.registered)
    }

    /// The most that was resident after registering, in KiB.
    pub(crate) fn peak_of_crossing_kib(&self) -> u64 {
        let later = self
            .samples
            .iter()
            .filter(|sample| sample.mark.at > self.registered.at);
        let resident = later.map(|sample| sample.mark.usage.resident_kib);
        resident.max().unwrap_or(0)
    }

    /// The run's books, from its report.
    pub(crate) fn books(&self) -> Result<Books> {
        serde_json::from_value(self.report["books"].clone()).context("a report with books")
    }

    /// A figure of the report's audit.
    pub(crate) fn audit(&self, name: &str) -> u64 {
        self.report["audit"][name].as_u64().unwrap_or(0)
    }
}
