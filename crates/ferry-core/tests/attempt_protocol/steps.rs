//! The steps from one state to the next, and their names.

use std::fmt;

use crate::{
    attempts::{Attempt, AttemptSet},
    model::State,
    rules::Scenario,
};

/// One step, as the trace shows it.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// What happens.
    pub(crate) act: Act,
    /// The attempts to which it happens, or whose sessions are read or revoked.
    pub(crate) on: AttemptSet,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in format!("{:?}", self.act).char_indices() {
            if at > 0 && letter.is_uppercase() {
                write!(f, " ")?;
            }
            write!(f, "{}", letter.to_lowercase())?;
        }
        if self.on.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.on)
        }
    }
}

/// What happens in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    WorkerClaims,
    /// The row's lease had expired.
    WorkerTakesOver,
    /// The row's lease had expired, and its claims are spent: the row is dead.
    WorkerBuriesRow,
    WorkerSends,
    /// Too little of the lease is left to send.
    SendWindowCloses,
    WorkerTimesOut,
    RequestMintsAndReplyArrives,
    RequestMintsAndReplyIsLost,
    /// Its worker has timed out or died.
    RequestMintsUnheard,
    RequestIsRefused,
    RequestIsLost,
    RequestOutlivesQuietTime,
    WorkerRevokesForeign,
    WorkerRevokesForeignUnanswered,
    WorkerFailsToRevokeForeign,
    WorkerRecords,
    WorkerIsFencedOut,
    CommitLandsUnanswered,
    CommitIsLost,
    CommitIsDelayed,
    DelayedCommitLands,
    WorkerReadsRowAgain,
    WorkerAcks,
    WorkerCrashes,
    LeaseExpires,
    OperatorCancels,
    SweeperPicks,
    SweeperListsSessions,
    SweeperReadsLedger,
    SweeperRevokes,
    SweeperMarksSwept,
    /// The sweeper's lease was taken meanwhile: its mark changes nothing.
    StaleSweeperStops,
    SweeperCrashes,
    OtherSweeperTakesLease,
}

impl Act {
    /// A bit for every kind of step.
    pub(crate) const ALL_BITS: u64 = (Self::OtherSweeperTakesLease.bit() << 1) - 1;

    /// The bit of this kind of step.
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u64
    }

    /// Whether the step is a fault or an operator's act, which nobody may count on.
    pub(crate) fn is_fault(self) -> bool {
        matches!(
            self,
            Self::RequestMintsAndReplyIsLost
                | Self::RequestIsRefused
                | Self::RequestIsLost
                | Self::RequestOutlivesQuietTime
                | Self::WorkerRevokesForeignUnanswered
                | Self::WorkerFailsToRevokeForeign
                | Self::CommitLandsUnanswered
                | Self::CommitIsLost
                | Self::CommitIsDelayed
                | Self::WorkerCrashes
                | Self::OperatorCancels
                | Self::SweeperCrashes
                | Self::OtherSweeperTakesLease
        )
    }
}

/// Gathers what may come next after one state.
pub(crate) struct Successors<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) state: State,
    pub(crate) found: &'a mut Vec<(Step, State)>,
}

impl Successors<'_> {
    /// Adds the state that `change` makes of this one.
    pub(crate) fn step(&mut self, act: Act, on: AttemptSet, change: impl FnOnce(&mut State)) {
        let mut next = self.state;
        change(&mut next);
        if next.workers[0] > next.workers[1] {
            next.workers.swap(0, 1);
        }
        self.found.push((Step { act, on }, next));
    }

    /// The same, for a step about one attempt.
    pub(crate) fn step_of(&mut self, act: Act, on: Attempt, change: impl FnOnce(&mut State)) {
        self.step(act, AttemptSet::only(on), change);
    }
}
