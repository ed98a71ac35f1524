//! What can happen to a ledger.

use std::time::Duration;

use ferry_core::reason::{DeadReason, SkipReason};
use ferry_ledger::claim::Lease;
use ferry_ledger::record::Finished;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::bench::{LEASE, QUIET, SECOND_LOOK};
use crate::ends;

/// How many runs and how many people there are: few, so that they meet.
pub(super) const RUNS: usize = 3;
pub(super) const PEOPLE: usize = 6;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A batch is registered, if the run's export is still being read.
    Register { run: usize, rows: Vec<Row> },
    /// The run's export is read to its end.
    EndRegistering { run: usize },
    /// A worker claims; whom it was granted it holds.
    /// With `limited`, each person has one turn in half an hour.
    Claim { people: Vec<usize>, limited: bool },
    /// Ends of some of the leases that are held, in one commit. If the answer is lost, the
    /// worker still holds them.
    Record {
        leases: Vec<(Index, End)>,
        answer_is_lost: bool,
    },
    /// A worker is gone with this lease.
    Crash { lease: Index },
    /// Time goes by.
    Advance(Duration),
    /// The folder's holder ends all leases.
    Void,
    /// The run is paused.
    Pause { run: usize },
    /// The run is resumed.
    Resume { run: usize },
    /// What expired is skipped.
    Expire { run: usize },
    /// The sweeper looks at what is due.
    Look { verifiable: bool },
    /// The run is moved on if nothing is left to call.
    Settle { run: usize },
    /// The run's dead get another chance, at once or after a wait.
    Replay { run: usize, waits: bool },
    /// The run's dead are put aside.
    Discard { run: usize },
    /// The run is given up.
    Cancel { run: usize },
}

/// A row of a batch.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) person: usize,
    /// The token's life from noon; the longer one is the newer one.
    pub(super) minutes: u64,
    pub(super) skipped: bool,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Migrated,
    Retried,
    Deferred,
    Unanswered,
    Halted,
    ForSomebodyElse,
    Skipped(SkipReason),
    Dead(DeadReason),
}

impl End {
    pub(super) fn of(self, lease: &Lease) -> Finished {
        match self {
            Self::Migrated => ends::migrated(lease),
            Self::Retried => ends::retried(lease, LEASE / 2),
            Self::Deferred => ends::deferred(lease, Duration::ZERO),
            Self::Unanswered => ends::unanswered(lease, LEASE / 2),
            Self::Halted => ends::halted(lease),
            Self::ForSomebodyElse => ends::for_somebody_else(lease),
            Self::Skipped(reason) => ends::skipped(lease, reason),
            Self::Dead(reason) => ends::dead(lease, reason),
        }
    }
}

/// Any step, those oftener that lead on.
pub(super) fn any() -> impl Strategy<Value = Step> {
    let run = 0..RUNS;
    let people = || proptest::collection::hash_set(0..PEOPLE, 1..=PEOPLE);
    let limited = proptest::bool::weighted(0.3);
    let claim = (people(), limited).prop_map(|(people, limited)| Step::Claim {
        people: people.into_iter().collect(),
        limited,
    });
    let time = [
        LEASE / 2,
        LEASE,
        QUIET,
        SECOND_LOOK,
        Duration::from_mins(30),
    ];
    prop_oneof![
        4 => register(),
        4 => run.clone().prop_map(|run| Step::EndRegistering { run }),
        10 => claim,
        10 => record(),
        3 => any_index().prop_map(|lease| Step::Crash { lease }),
        6 => select(time.to_vec()).prop_map(Step::Advance),
        1 => Just(Step::Void),
        1 => run.clone().prop_map(|run| Step::Pause { run }),
        2 => run.clone().prop_map(|run| Step::Resume { run }),
        2 => run.clone().prop_map(|run| Step::Expire { run }),
        4 => proptest::bool::weighted(0.8).prop_map(|verifiable| Step::Look { verifiable }),
        2 => run.clone().prop_map(|run| Step::Settle { run }),
        4 => (run.clone(), proptest::bool::ANY).prop_map(|(run, waits)| Step::Replay { run, waits }),
        1 => run.clone().prop_map(|run| Step::Discard { run }),
        1 => (run, proptest::bool::weighted(0.3)).prop_filter_map("seldom", |(run, cancels)| {
            cancels.then_some(Step::Cancel { run })
        }),
    ]
}

fn any_index() -> impl Strategy<Value = Index> {
    proptest::arbitrary::any::<Index>()
}

fn register() -> impl Strategy<Value = Step> {
    let minutes = select(vec![20, 40, 60, 80, 100]);
    let row = (0..PEOPLE, minutes, proptest::bool::weighted(0.1));
    let row = row.prop_map(|(person, minutes, skipped)| Row {
        person,
        minutes,
        skipped,
    });
    let rows = proptest::collection::vec(row, 1..8);
    (0..RUNS, rows).prop_map(|(run, rows)| Step::Register { run, rows })
}

fn record() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Migrated),
        3 => Just(End::Retried),
        2 => Just(End::Deferred),
        3 => Just(End::Unanswered),
        2 => Just(End::Halted),
        1 => Just(End::ForSomebodyElse),
        1 => select(vec![SkipReason::Expired, SkipReason::Revoked]).prop_map(End::Skipped),
        2 => select(vec![DeadReason::MemberMissing, DeadReason::TokenRefused]).prop_map(End::Dead),
    ];
    let leases = proptest::collection::vec((any_index(), end), 1..4);
    let lost = proptest::bool::weighted(0.2);
    (leases, lost).prop_map(|(leases, answer_is_lost)| Step::Record {
        leases,
        answer_is_lost,
    })
}
