//! What a job costs whom.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::figure::{each, mib, micros_each, per_second};
use crate::fleet::database::{Database, Written};
use crate::fleet::servers::{ServerTimes, Servers};
use crate::measurement::Measurement;
use crate::simulator::Simulator;

/// Reads all counters at the begin of a job.
pub(crate) struct Meter<'a> {
    servers: &'a Servers,
    simulator: Option<&'a Simulator>,
    begun: Instant,
    server_times: ServerTimes,
    simulator_time: Duration,
    written: Option<Written>,
}

/// What a job has cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// CPU time of those who do the job.
    pub(crate) own: Duration,
    pub(crate) servers: ServerTimes,
    pub(crate) simulator: Option<Duration>,
    pub(crate) written: Option<Written>,
    /// The most that was resident at once in one process.
    pub(crate) peak_kib: Option<u64>,
    /// The most memory of all processes, what they share counted once.
    pub(crate) pss_kib: Option<u64>,
}

impl<'a> Meter<'a> {
    pub(crate) async fn start(
        servers: &'a Servers,
        simulator: Option<&'a Simulator>,
        database: Option<&mut Database>,
    ) -> Result<Self> {
        let written = match database {
            Some(database) => Some(database.written().await?),
            None => None,
        };
        Ok(Self {
            servers,
            simulator,
            written,
            server_times: servers.times()?,
            simulator_time: simulator_time(simulator)?,
            begun: Instant::now(),
        })
    }

    /// At the end of the job, with nobody at work in the database any more; `own` is the CPU time of those who did it.
    pub(crate) async fn stop(self, own: Duration, database: Option<&mut Database>) -> Result<Cost> {
        let wall = self.begun.elapsed();
        let servers = self.servers.times()?.since(self.server_times);
        let simulator = simulator_time(self.simulator)?.saturating_sub(self.simulator_time);
        let written = match (database, self.written) {
            (Some(database), Some(before)) => {
                database.wait_until_left().await?;
                Some(database.written().await?.since(before))
            }
            _ => None,
        };
        Ok(Cost {
            wall,
            own,
            servers,
            simulator: self.simulator.map(|_| simulator),
            written,
            peak_kib: None,
            pss_kib: None,
        })
    }
}

fn simulator_time(simulator: Option<&Simulator>) -> Result<Duration> {
    Ok(match simulator {
        Some(simulator) => simulator.mark()?.usage.cpu,
        None => Duration::ZERO,
    })
}

impl Cost {
    /// This and what came after it, which took the time.
    pub(crate) fn and(&self, later: &Self) -> Self {
        let sum = |one: Option<Duration>, other: Option<Duration>| Some(one? + other?);
        Self {
            own: self.own + later.own,
            servers: ServerTimes {
                broker: sum(self.servers.broker, later.servers.broker),
                database: sum(self.servers.database, later.servers.database),
            },
            written: self
                .written
                .zip(later.written)
                .map(|(one, other)| one.and(other)),
            pss_kib: self.pss_kib.max(later.pss_kib),
            peak_kib: self.peak_kib.max(later.peak_kib),
            ..*later
        }
    }

    /// As a row of the table.
    pub(crate) fn measurement(&self, part: &str, n: u64) -> Measurement {
        let each_of = |count: i64| each(count.unsigned_abs(), n);
        let micros = |time: Duration| micros_each(time, n);
        Measurement {
            part: part.to_owned(),
            n,
            times: 1,
            per_second: per_second(n, self.wall),
            own_cpu_micros: Some(micros(self.own)),
            simulator_cpu_micros: self.simulator.map(micros),
            broker_cpu_micros: self.servers.broker.map(micros),
            database_cpu_micros: self.servers.database.map(micros),
            transactions: self.written.map(|written| each_of(written.transactions)),
            syncs: self.written.and_then(|written| written.syncs).map(each_of),
            log_bytes: self.written.map(|written| each_of(written.log_bytes)),
            peak_mib: self.peak_kib.map(mib),
            // One that was shorter than the time between two looks was not weighed.
            pss_mib: self.pss_kib.filter(|kib| *kib > 0).map(mib),
            ..Measurement::default()
        }
    }
}
