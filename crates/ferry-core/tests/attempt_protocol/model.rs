//! What the ledger, Stytch, the workers and the sweepers hold at one moment.

use crate::{
    attempts::{Attempt, AttemptSet, ROWS},
    rules::Scenario,
};

/// One state of everything. Small, for there are hundreds of thousands.
///
/// The queue is not in it: any worker may be given any row's id at any time, which is what lost,
/// late, duplicate and republished messages come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct State {
    /// What is committed.
    pub(crate) ledger: Ledger,
    /// What Stytch has, and what is on its way there.
    pub(crate) stytch: Stytch,
    /// In order of their content: which of two workers it is makes no difference.
    pub(crate) workers: [Worker; 2],
    /// One at work, and one that may take its lease or has lost it.
    pub(crate) sweepers: [Sweeper; 2],
    /// A commit that nobody waits for any more, and that may still land.
    pub(crate) late_commit: Option<Commit>,
    /// How often the sweepers' lease may still change hands.
    pub(crate) take_overs_left: u8,
    /// How many requests may still outlive the quiet time.
    pub(crate) outliving_left: u8,
}

impl State {
    /// All rows queued, nothing done.
    pub(crate) fn first(scenario: &Scenario) -> Self {
        Self {
            ledger: Ledger::default(),
            stytch: Stytch::default(),
            workers: [Worker::default(); 2],
            sweepers: [Sweeper::default(); 2],
            late_commit: None,
            take_overs_left: scenario.sweeper_take_overs,
            outliving_left: scenario.outliving_requests,
        }
    }
}

/// The committed truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ledger {
    /// The legacy sessions; those beyond the scenario's stay as they are.
    pub(crate) rows: [Row; ROWS],
    /// The mapping: attempts whose session is recorded.
    pub(crate) recorded: AttemptSet,
    /// Attempts ever listed as unresolved.
    pub(crate) listed: AttemptSet,
    /// Attempts listed with a hint under which member to look.
    pub(crate) hinted: AttemptSet,
    /// Listed attempts that have had their first sweep.
    pub(crate) swept_once: AttemptSet,
    /// Listed attempts that have had their second sweep, too.
    pub(crate) swept_twice: AttemptSet,
    /// Which sweeper has the sweepers' lease.
    pub(crate) lease_of_sweeper: u8,
}

/// One legacy session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Row {
    /// Where it is.
    pub(crate) state: RowState,
    /// Raised by each claim, by a take-over and by the operator.
    pub(crate) fence: u8,
    /// Claims so far; the last one made the current attempt.
    pub(crate) claims: u8,
    /// The operator has cancelled or revoked the row.
    pub(crate) is_cancelled: bool,
}

/// Where a row is; a running one has a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RowState {
    #[default]
    Queued,
    /// Running under a live lease.
    Leased,
    /// Running still, but its lease is over.
    Expired,
    Waiting,
    Migrated,
    Skipped,
    Dead,
}

impl RowState {
    /// Claimed, and not finished.
    pub(crate) fn is_running(self) -> bool {
        matches!(self, Self::Leased | Self::Expired)
    }

    /// Migrated, skipped or dead.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Migrated | Self::Skipped | Self::Dead)
    }
}

/// Stytch, and the network on the way there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stytch {
    /// Attempts whose session is minted and not revoked.
    pub(crate) alive: AttemptSet,
    /// Attempts whose request was sent, and has not been answered within its time.
    pub(crate) in_flight: AttemptSet,
    /// Attempts whose request outlives the quiet time.
    pub(crate) outliving: AttemptSet,
}

/// One worker's memory, lost in a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Worker {
    /// How far it is.
    pub(crate) at: At,
    /// The attempt that its claim made, unless it is idle or done.
    pub(crate) attempt: Attempt,
    /// The row's fence as its claim left it.
    pub(crate) fence: u8,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum At {
    #[default]
    Idle,
    /// The claim is committed, the request not sent, and there is still time to send it.
    Claimed,
    /// Waits for the reply.
    Sent,
    /// The reply named another person: the session is to be revoked at once.
    HoldsForeign,
    /// Knows what to record.
    Decided(Outcome),
    /// Has sent the commit and got no answer: the row must be read again.
    Unanswered(Outcome),
    /// Recorded, not yet acked.
    Recorded,
}

/// What an attempt has come to, as its worker knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Migrated,
    /// Timeout or cut after the request was sent.
    Unknown,
    /// Refused, or never sent.
    NothingMinted,
    /// Minted for another person, and revoked.
    ForeignRevoked,
    /// Minted for another person, and the revocation failed or was not answered.
    ForeignStays,
}

/// A `record` on its way to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Commit {
    pub(crate) outcome: Outcome,
    pub(crate) attempt: Attempt,
    pub(crate) fence: u8,
}

/// One sweeper's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sweeper {
    pub(crate) stage: Stage,
    /// The attempts that this sweep is for.
    pub(crate) picked: AttemptSet,
    /// After the first reading, what it said; then the sessions still to be revoked.
    pub(crate) noted: AttemptSet,
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stage {
    #[default]
    Idle,
    /// Has picked attempts whose quiet time is over.
    Picked,
    /// Has taken the first of its two readings.
    ReadOnce,
    /// Has taken both, and revokes.
    Revoking,
}
