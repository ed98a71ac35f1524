//! What happened: every call, every session.

mod calls;
mod endpoint;
mod minted;
mod window;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

pub use calls::CallRecord;
pub(crate) use calls::{Call, Calls};
pub(crate) use endpoint::Endpoint;
pub use minted::MintedSession;
pub(crate) use minted::custom_claims;
pub use window::{Window, Windows};

use crate::clock::Millis;
use crate::sessions::{Api, Record, Sessions, State};

/// The books of the simulator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Calls by endpoint, then by outcome: `ok`, an `error_type`, or the name of a fault.
    pub calls: BTreeMap<String, BTreeMap<String, u64>>,
    /// Sessions minted since the start.
    pub sessions: SessionCounts,
    /// Legacy sessions from which at least one session was minted.
    pub legacy_sessions: u64,
    /// Legacy sessions from which more than one was.
    pub minted_more_than_once: u64,
    /// Sessions alive beyond one for each legacy session: must be 0 after a migration's own audit.
    pub extra_alive: u64,
    /// Calls in each second of the wall clock.
    pub windows: Windows,
}

/// Sessions by state: `minted = alive + revoked + expired`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCounts {
    /// All of them.
    pub minted: u64,
    /// Those that still authenticate.
    pub alive: u64,
    /// Those that were revoked.
    pub revoked: u64,
    /// Those whose time is over.
    pub expired: u64,
}

impl Audit {
    /// Takes stock. Looks at every session, so it takes about a second for ten million.
    pub(crate) fn take(sessions: &Sessions, calls: &Calls, now: Millis) -> Self {
        let mut counts = SessionCounts::default();
        let mut by_legacy: HashMap<[u8; 16], (u32, u32)> = HashMap::new();
        sessions.for_each(|_, record| {
            let state = record.state(now);
            counts.count(state);
            let (minted, alive) = by_legacy.entry(legacy_key(record)).or_default();
            *minted += 1;
            *alive += u32::from(state == State::Alive);
        });
        let (calls, windows) = calls.counts();
        Self {
            calls,
            sessions: counts,
            legacy_sessions: number(by_legacy.len()),
            minted_more_than_once: number(
                by_legacy.values().filter(|(minted, _)| *minted > 1).count(),
            ),
            extra_alive: by_legacy
                .values()
                .map(|(_, alive)| u64::from(alive.saturating_sub(1)))
                .sum(),
            windows,
        }
    }

    /// How many calls of an endpoint had an outcome.
    pub fn calls_of(&self, endpoint: &str, outcome: &str) -> u64 {
        self.calls
            .get(endpoint)
            .and_then(|outcomes| outcomes.get(outcome))
            .copied()
            .unwrap_or(0)
    }
}

impl SessionCounts {
    fn count(&mut self, state: State) {
        self.minted += 1;
        *match state {
            State::Alive => &mut self.alive,
            State::Revoked => &mut self.revoked,
            State::Expired => &mut self.expired,
        } += 1;
    }
}

/// What two sessions have in common that come from one legacy session: its number if it is the
/// population's (tokens may have been refreshed in between), else the token.
fn legacy_key(record: &Record) -> [u8; 16] {
    let mut key = [0; 16];
    match record.legacy_session {
        Some(session) => key[..8].copy_from_slice(&session.to_be_bytes()),
        None => key.copy_from_slice(&record.legacy_token_sha256[..16]),
    }
    key[15] = if record.owner.api == Api::B2b {
        key[15] & 0xFE
    } else {
        key[15] | 1
    };
    key
}

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("a usize is a u64")
}
