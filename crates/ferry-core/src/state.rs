//! The states of sessions, runs and mappings.
//!
//! The names are the same in Rust, in SQL, in JSON and on every page. The diagram in
//! `ARCHITECTURE.md` shows [`SessionState::may_become`].

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Where a session stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Registered, its turn has not come.
    Queued,
    /// Claimed by a worker: a lease is on it, a call may be on its way.
    Running,
    /// To be tried at a later time: again, or for the first time when its person's turn comes.
    Waiting,
    /// A Stytch session stands for it, and the mapping tells which.
    Migrated,
    /// Not to be carried, for a reason that is nobody's fault.
    Skipped,
    /// Cannot be carried until somebody mends the cause.
    Dead,
}

impl SessionState {
    /// Nothing more will happen to it by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Migrated | Self::Skipped | Self::Dead)
    }

    /// Whether the ledger ever takes a session from `self` to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use SessionState::{Dead, Queued, Running, Skipped, Waiting};
        match self {
            // A claim, or one before its person's turn; expired, cancelled, gone at the source.
            Self::Queued => matches!(next, Running | Waiting | Skipped | Dead),
            // The same, or a newer token.
            Self::Waiting => matches!(next, Running | Skipped | Dead | Queued),
            // Its end; the row as it was (a halt); a takeover by another worker's claim.
            Self::Running => true,
            // Replay, at once or paced; revival by a newer token.
            Self::Dead => matches!(next, Queued | Waiting),
            // Revival by a newer token (never from `skipped(revoked)`).
            Self::Skipped => next == Queued,
            Self::Migrated => false,
        }
    }
}

/// Where a run stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The export is being read; nothing is called yet.
    Registering,
    /// Sessions are carried.
    Active,
    /// Nothing is called until the cause is mended and the run resumed.
    Paused,
    /// Every session is final; attempts of unknown outcome are being looked up at Stytch.
    Auditing,
    /// Every session is final and no attempt is unresolved. A result that comes much too late may
    /// open the audit again, and a replay of its dead makes it active.
    Finished,
    /// Given up by the operator.
    Cancelled,
}

impl RunState {
    /// Whether the ledger ever takes a run from `self` to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use RunState::{Active, Auditing, Cancelled, Finished, Paused};
        match self {
            Self::Registering => matches!(next, Active | Cancelled),
            Self::Active => matches!(next, Paused | Auditing | Cancelled),
            Self::Paused => matches!(next, Active | Cancelled),
            // The end; a replay of its dead.
            Self::Auditing => matches!(next, Finished | Active | Cancelled),
            // A result that came much too late; a replay of its dead.
            Self::Finished => matches!(next, Auditing | Active),
            Self::Cancelled => false,
        }
    }
}

/// Where a mapping stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum MappingState {
    /// Minted, not yet asked for by the application.
    Live,
    /// The application has taken it.
    Claimed,
    /// Revoked at Stytch.
    Revoked,
    /// Its Stytch session is over.
    Expired,
}

/// What became of an attempt whose outcome nobody recorded.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum UnresolvedState {
    /// Not looked at yet; its run cannot finish.
    Unresolved,
    /// Looked at once: what it had minted is revoked. A second look follows.
    Swept,
    /// Looked at twice: nothing more can come of it.
    Closed,
    /// Its member cannot be found, so nobody can tell. Counted, never silent.
    Unverifiable,
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn a_migrated_session_stays_migrated() {
        for next in SessionState::VARIANTS {
            assert!(!SessionState::Migrated.may_become(*next), "{next}");
        }
    }

    #[test]
    fn a_run_can_go_on_from_every_state_but_cancelled() {
        for state in RunState::VARIANTS {
            let goes_on = RunState::VARIANTS
                .iter()
                .any(|next| state.may_become(*next));
            assert_eq!(goes_on, *state != RunState::Cancelled, "{state}");
        }
    }

    #[test]
    fn a_session_waits_for_its_persons_turn_before_its_first_call() {
        assert!(SessionState::Queued.may_become(SessionState::Waiting));
    }

    #[test]
    fn every_state_can_reach_a_final_one() {
        for state in SessionState::VARIANTS {
            let near = |s: SessionState| {
                SessionState::VARIANTS
                    .iter()
                    .filter(move |n| s.may_become(**n))
            };
            let reaches = state.is_final()
                || near(*state).any(|n| n.is_final() || near(*n).any(|m| m.is_final()));
            assert!(reaches, "{state}");
        }
    }

    #[test]
    fn a_state_reads_back_its_name() {
        for state in SessionState::VARIANTS {
            assert_eq!(SessionState::from_str(&state.to_string()), Ok(*state));
        }
    }
}
