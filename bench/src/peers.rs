//! The same job as Python programs of a competent user, beside Ferry; never part of CI.

mod environment;
mod program;

use std::path::Path;

use anyhow::{Result, ensure};

use crate::fleet::{Bench, Scale, crossing};
use crate::folder::Folder;
use crate::measurement::{Measurement, Report};
use crate::plan::simulator_mode;
use crate::{exports, machine, reading};
use environment::Environment;
use program::PEERS;

/// What each program does and does not do.
const LACKS: &str = include_str!("../peers/lacks.md");

/// Measures Ferry, then each peer, all with the same servers and export.
pub(crate) async fn carry_out(
    ferry: &Path,
    folder: &Folder,
    sessions: u64,
    quick: bool,
) -> Result<Report> {
    let environment = Environment::install()?;
    let machine = machine::described()?;
    let bench = Bench::start(ferry, folder, Scale::once(sessions)).await?;
    exports::write(sessions, &[(&bench.export, 0..sessions)])?;
    eprintln!("Ferry");
    let mut measurements = vec![crossing::whole_life(&bench).await?];
    for peer in &PEERS {
        eprintln!("{}", peer.name);
        measurements.push(peer.measure(&environment, &bench).await?);
    }
    let all = measurements.iter().all(|one| one.per_second > 0.0);
    ensure!(all, "a peer carried nothing");
    for one in &mut measurements {
        *one = Measurement {
            simulator: Some(simulator_mode()),
            ..one.clone()
        };
    }
    Ok(Report {
        machine,
        servers: Some(bench.servers.described.clone()),
        quick,
        token_bytes: reading::token_bytes(&bench.export)?,
        measurements,
        remarks: LACKS,
        ..Report::default()
    })
}
