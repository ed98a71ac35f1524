//! What the simulator minted beside what the ledger maps.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, SystemClock};
use ferry_sim::SessionState;
use http_body_util::BodyExt as _;
use serde::Deserialize;

use crate::measurement::grouped;
use crate::simulator::Simulator;

/// What the simulator minted beside what the ledger maps.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// Sessions that were ever minted.
    minted: u64,
    /// Those that live.
    alive: u64,
    /// Mappings in the ledger.
    pub(crate) mapped: u64,
    /// Those whose session does not live.
    pub(crate) mapped_not_alive: u64,
    /// Sessions that live and are not mapped.
    pub(crate) extra_alive: u64,
    /// By the simulator's own count: alive beyond one for each legacy session.
    pub(crate) doubled: u64,
}

/// A line of `/sim/sessions`, as far as it matters here.
#[derive(Deserialize)]
struct Line {
    session_id: String,
    state: SessionState,
}

/// Mappings read at once.
const MAPPINGS_PER_PAGE: u32 = 10_000;

impl Audit {
    pub(crate) async fn take(simulator: &Simulator, data: &Path) -> Result<Self> {
        let own = simulator.audit().await?;
        let mut audit = Self {
            doubled: own.extra_alive,
            ..Self::default()
        };
        let mut alive = audit.count_minted(simulator).await?;
        audit.count_mapped(data, &mut alive).await?;
        audit.extra_alive = alive.len() as u64;
        Ok(audit)
    }

    /// Returns the ids of those that live.
    async fn count_minted(&mut self, simulator: &Simulator) -> Result<HashSet<String>> {
        let mut alive = HashSet::new();
        let mut body = simulator.page("/sim/sessions").await?;
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            rest.extend_from_slice(&frame?.into_data().unwrap_or_default());
            let whole = rest
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            for line in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
                let line: Line = serde_json::from_slice(line)?;
                self.minted += 1;
                if line.state == SessionState::Alive {
                    alive.insert(line.session_id);
                }
            }
            rest.drain(..whole);
        }
        self.alive = alive.len() as u64;
        Ok(alive)
    }

    /// Takes from `alive` what is mapped.
    async fn count_mapped(&mut self, data: &Path, alive: &mut HashSet<String>) -> Result<()> {
        let keys = KeyRing::parse(&fs::read_to_string(data.join("keys"))?)?;
        let clock = Arc::new(SystemClock::start());
        let ledger = Ledger::open(&data.join("ledger.sqlite"), keys, clock).await?;
        let mut last = None;
        loop {
            let page = ledger.mappings(last, MAPPINGS_PER_PAGE).await?;
            let Some(mapping) = page.last() else { break };
            last = Some(mapping.session);
            for mapping in &page {
                self.mapped += 1;
                self.mapped_not_alive += u64::from(!alive.remove(&mapping.member_session_id));
            }
        }
        ledger.close().await;
        Ok(())
    }

    pub(crate) fn print(&self) {
        println!(
            "Audit: {} minted, {} alive, {} mapped, {} mapped but not alive, {} extra alive.\n",
            grouped(self.minted),
            grouped(self.alive),
            grouped(self.mapped),
            grouped(self.mapped_not_alive),
            grouped(self.extra_alive)
        );
    }
}
