//! What the simulator minted beside what the ledger maps.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, SystemClock};
use ferry_sim::{SessionState, Simulator};

/// What the simulator minted beside what the ledger maps.
#[derive(Debug)]
pub(crate) struct Audit {
    /// Mappings in the ledger.
    pub(crate) mapped: u64,
    /// Those whose session does not live at Stytch.
    pub(crate) mapped_not_alive: u64,
    /// Sessions that live at Stytch and are not mapped.
    pub(crate) extra_alive: u64,
    /// Sessions that were ever minted.
    pub(crate) minted: u64,
}

impl Audit {
    pub(crate) async fn take(simulator: &Simulator, ledger: &Ledger) -> Self {
        let minted = simulator.sessions();
        let mut alive: HashSet<_> = minted
            .iter()
            .filter(|session| session.state == SessionState::Alive)
            .map(|session| session.session_id.clone())
            .collect();
        let mut audit = Self {
            mapped: 0,
            mapped_not_alive: 0,
            extra_alive: 0,
            minted: minted.len() as u64,
        };
        for mapping in ledger.mappings(None, u32::MAX).await.expect("mappings") {
            audit.mapped += 1;
            audit.mapped_not_alive += u64::from(!alive.remove(&mapping.member_session_id));
        }
        audit.extra_alive = alive.len() as u64;
        audit
    }
}

/// The ledger of a data folder, with its own key ring.
pub(crate) async fn open_ledger(data: &Path) -> Ledger {
    let keys = fs::read_to_string(data.join("keys")).expect("a key ring");
    let keys = KeyRing::parse(&keys).expect("a key ring");
    Ledger::open(
        &data.join("ledger.sqlite"),
        keys,
        Arc::new(SystemClock::start()),
    )
    .await
    .expect("a ledger")
}
