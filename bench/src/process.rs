//! What a process has used, as Linux tells in `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// User and system time of all its threads, those included that have ended.
    pub(crate) cpu: Duration,
    /// Resident now, in KiB.
    pub(crate) resident_kib: u64,
    /// The most that was resident at once, in KiB; 0 once the process is over.
    pub(crate) peak_kib: u64,
    /// It has ended, and nobody has asked for its exit code yet.
    pub(crate) is_over: bool,
}

/// What a process had used at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    pub(crate) usage: Usage,
}

/// The kernel gives times to programs in hundredths of a second, whatever its own clock
/// (`USER_HZ`, man 5 proc).
pub(crate) const TICK: Duration = Duration::from_millis(10);

impl Mark {
    /// The process as it is now.
    pub(crate) fn now(process: u32) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            usage: Usage::of(process)?,
        })
    }

    /// Wall time since an earlier moment.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        self.at.saturating_duration_since(earlier.at)
    }

    /// CPU time used since an earlier moment.
    pub(crate) fn cpu_since(&self, earlier: &Self) -> Duration {
        self.usage.cpu.saturating_sub(earlier.usage.cpu)
    }
}

impl Usage {
    /// Of a process that has not been waited for.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}"));
        let stat = read("stat").context("/proc is needed: measure on Linux")?;
        let usage = Self::read(&stat, &read("status").unwrap_or_default());
        usage.context("/proc has another form than man 5 proc says")
    }

    fn read(stat: &str, status: &str) -> Option<Self> {
        // The name before it may hold blanks and brackets.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u32>().ok();
        Some(Self {
            cpu: TICK * (ticks(11)? + ticks(12)?),
            resident_kib: kib(status, "VmRSS:"),
            peak_kib: kib(status, "VmHWM:"),
            is_over: fields.first() == Some(&"Z"),
        })
    }
}

/// How many files and sockets a process has open.
pub(crate) fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

fn kib(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let stat = "7 (a ) b) Z 1 7 7 0 -1 4 0 0 0 0 150 25 0 0 20 0 1 0 9 0 0";
        let usage = Usage::read(stat, "VmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n").unwrap();
        assert_eq!(usage.cpu, Duration::from_millis(1750));
        assert_eq!((usage.peak_kib, usage.resident_kib), (2048, 1024));
        assert!(usage.is_over);
    }

    #[test]
    fn this_process_is_alive_and_resident() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(!usage.is_over && usage.peak_kib >= usage.resident_kib && usage.resident_kib > 0);
    }
}
