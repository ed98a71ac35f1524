//! What it is measured on.

use std::fs;

use anyhow::{Context, Result};

/// Cores, memory, and how busy it was before.
pub(crate) fn described() -> Result<String> {
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .context("/proc/meminfo has another form than man 5 proc says")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "{cores} cores, {} GiB, {}; load before: {}",
        kib.div_ceil(1024 * 1024),
        std::env::consts::ARCH,
        load.split_whitespace().next().unwrap_or_default()
    ))
}
