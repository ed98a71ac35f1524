//! `ferry work` processes that are ended when enough was seen of them.

use std::sync::mpsc::Receiver;

use anyhow::{Context, Result, bail};

use crate::ferry::{LogLine, Running};
use crate::fleet::command::Fleet;

use super::sender::Sent;

/// Workers on one ledger and one queue. They end with this.
pub(crate) struct Workers(Vec<(Running, Receiver<LogLine>)>);

/// Every call that leaves is a line of the log.
const LOG: &str = "info,ferry_worker::limiter=trace";

/// More than any rate of the bench keeps in flight at 20 ms a call.
const CONCURRENCY: &str = "64";

impl Workers {
    pub(crate) fn start(fleet: &Fleet<'_>, processes: u32, rate: u32) -> Result<Self> {
        let start = || {
            let mut command = fleet.command("work");
            command
                .args(["--rate", &rate.to_string(), "--concurrency", CONCURRENCY])
                .env("RUST_LOG", LOG);
            let mut running = Running(command.spawn().context("ferry does not start")?);
            let (lines, _) = running.read()?;
            Ok((running, lines))
        };
        Ok(Self(
            (0..processes).map(|_| start()).collect::<Result<_>>()?,
        ))
    }

    /// Ends them, and tells which calls left.
    pub(crate) fn end(mut self) -> Result<Vec<Sent>> {
        for (running, _) in &mut self.0 {
            if let Some(status) = running.0.try_wait()? {
                bail!("a worker ended by itself, with {status}");
            }
            running.0.kill()?;
        }
        let lines = self.0.iter().flat_map(|(_, lines)| lines.iter());
        Ok(lines.filter_map(|(_, line)| Sent::read(&line)).collect())
    }
}
