//! Which dead sessions get another chance, and which not, and why.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use crate::Timestamp;
use crate::reason::DeadReason;
use crate::state::RunState;

/// Why a dead session is not replayed.
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
pub enum Obstacle {
    /// What it died of cannot be mended with the same token.
    CannotMend,
    /// Its token is over: the legacy provider no longer vouches for it.
    TokenExpired,
    /// Its token is wiped.
    TokenWiped,
    /// Its run was cancelled.
    RunCancelled,
    /// Its run is paused.
    RunPaused,
    /// Its run's export is still being read.
    RunRegistering,
}

impl Obstacle {
    /// What the operator can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::CannotMend => {
                "a replay would end alike: see what `ferry dead show` says, and export the session again"
            }
            Self::TokenExpired => "its token is over: export the session again with a fresh token",
            Self::TokenWiped => "its token is wiped: export the session again",
            Self::RunCancelled => "its run was cancelled: export the session again for a new run",
            Self::RunPaused => "its run is paused: mend the cause, `ferry resume` the run",
            Self::RunRegistering => "its export is still being read: let that end",
        }
    }

    /// It stays, whatever becomes of the run.
    pub fn lasts(self) -> bool {
        !matches!(self, Self::RunPaused | Self::RunRegistering)
    }
}

/// What is known of a dead session when it is to be replayed.
#[derive(Debug, Clone, Copy)]
pub struct Prospect {
    /// What it died of; `None` if a newer version wrote that.
    pub reason: Option<DeadReason>,
    /// Its run.
    pub run: RunState,
    /// Its sealed token is there.
    pub has_token: bool,
    /// Until when a call can be made.
    pub token_expires_at: Timestamp,
}

impl Prospect {
    /// What stands in its way at `now`; the one that lasts longest is told.
    pub fn obstacle(&self, now: Timestamp) -> Option<Obstacle> {
        let mendable = self.reason.is_none_or(DeadReason::is_mendable);
        match self.run {
            _ if !mendable => Some(Obstacle::CannotMend),
            RunState::Cancelled => Some(Obstacle::RunCancelled),
            _ if self.token_expires_at <= now => Some(Obstacle::TokenExpired),
            _ if !self.has_token => Some(Obstacle::TokenWiped),
            RunState::Paused => Some(Obstacle::RunPaused),
            RunState::Registering => Some(Obstacle::RunRegistering),
            RunState::Active | RunState::Auditing | RunState::Finished => None,
        }
    }
}

/// What became of replayed sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Outcomes {
    /// Not final yet.
    pub open: u64,
    /// Carried.
    pub migrated: u64,
    /// Skipped, as when the token expired meanwhile.
    pub skipped: u64,
    /// Dead again.
    pub dead: u64,
}

/// What a few sessions say about the others that died of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Some have no outcome yet.
    Wait,
    /// One was carried: the cause is mended, at least for some.
    GoOn,
    /// None was carried: the others would end alike.
    Stop,
}

impl Outcomes {
    /// Whether the others shall follow.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self { open: 1.., .. } => Verdict::Wait,
            Self { migrated: 1.., .. } => Verdict::GoOn,
            _ => Verdict::Stop,
        }
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.open + self.migrated + self.skipped + self.dead
    }
}

impl std::ops::AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        self.open += other.open;
        self.migrated += other.migrated;
        self.skipped += other.skipped;
        self.dead += other.dead;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_767_268_800);

    fn alice() -> Prospect {
        Prospect {
            reason: Some(DeadReason::MemberMissing),
            run: RunState::Finished,
            has_token: true,
            token_expires_at: Timestamp::NEVER,
        }
    }

    #[test]
    fn a_mendable_session_of_a_run_that_is_not_stopped_has_no_obstacle() {
        for (run, obstacle) in [
            (RunState::Registering, Some(Obstacle::RunRegistering)),
            (RunState::Active, None),
            (RunState::Paused, Some(Obstacle::RunPaused)),
            (RunState::Auditing, None),
            (RunState::Finished, None),
            (RunState::Cancelled, Some(Obstacle::RunCancelled)),
        ] {
            assert_eq!(Prospect { run, ..alice() }.obstacle(NOON), obstacle);
        }
    }

    #[test]
    fn what_cannot_mend_says_so_whatever_else_is_wrong() {
        for reason in DeadReason::VARIANTS {
            let obstacle = Prospect {
                reason: Some(*reason),
                run: RunState::Cancelled,
                has_token: false,
                ..alice()
            }
            .obstacle(NOON);
            let cannot_mend = obstacle == Some(Obstacle::CannotMend);
            assert_eq!(cannot_mend, !reason.is_mendable(), "{reason}");
        }
    }

    #[test]
    fn a_token_that_is_over_or_gone_is_an_obstacle() {
        let over = Prospect {
            token_expires_at: NOON,
            ..alice()
        };
        assert_eq!(over.obstacle(NOON), Some(Obstacle::TokenExpired));
        let gone = Prospect {
            has_token: false,
            ..alice()
        };
        assert_eq!(gone.obstacle(NOON), Some(Obstacle::TokenWiped));
    }

    #[test]
    fn the_others_follow_once_one_was_carried_and_none_is_open() {
        let of = |open, migrated, dead| {
            Outcomes {
                open,
                migrated,
                skipped: 0,
                dead,
            }
            .verdict()
        };
        assert_eq!(of(1, 4, 0), Verdict::Wait);
        assert_eq!(of(0, 1, 4), Verdict::GoOn);
        assert_eq!(of(0, 0, 5), Verdict::Stop);
        assert_eq!(of(0, 0, 0), Verdict::Stop);
    }
}
