//! What must be true in every state, and what "at rest" means.

use crate::{
    attempts::AttemptSet,
    model::{At, RowState, Stage, State},
    rules::{Scenario, Sweeps},
};

/// A promise broken in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A row has two sessions in the mapping.
    TwoRecordedSessions,
    /// A session in the mapping is not alive.
    RecordedSessionRevoked,
    /// All is at rest, and a session is alive that the mapping does not know.
    ExtraSessionAlive,
    /// A row that the operator cancelled or revoked has come back.
    CancelledRowCameBack,
    /// An attempt is both recorded and listed as unresolved.
    RecordedAttemptListed,
}

impl Breach {
    /// Every promise.
    pub(crate) const ALL: [Self; 5] = [
        Self::TwoRecordedSessions,
        Self::RecordedSessionRevoked,
        Self::ExtraSessionAlive,
        Self::CancelledRowCameBack,
        Self::RecordedAttemptListed,
    ];

    /// Whether the state breaks this promise.
    pub(crate) fn is_in(self, scenario: &Scenario, state: &State) -> bool {
        let ledger = &state.ledger;
        let recorded_of = |row| ledger.recorded.and(AttemptSet::of_row(row));
        match self {
            Self::TwoRecordedSessions => (0..scenario.rows).any(|row| recorded_of(row).len() > 1),
            Self::RecordedSessionRevoked => !ledger.recorded.minus(state.stytch.alive).is_empty(),
            Self::ExtraSessionAlive => {
                is_at_rest(scenario, state) && !extra_sessions(state).is_empty()
            }
            Self::CancelledRowCameBack => (0..scenario.rows).any(|index| {
                let row = ledger.rows[index];
                let is_back = row.state != RowState::Skipped || !recorded_of(index).is_empty();
                row.is_cancelled && is_back
            }),
            Self::RecordedAttemptListed => !ledger.recorded.and(ledger.listed).is_empty(),
        }
    }
}

/// Sessions alive at Stytch that the mapping does not know.
pub(crate) fn extra_sessions(state: &State) -> AttemptSet {
    state.stytch.alive.minus(state.ledger.recorded)
}

/// Nothing is on its way or at work, no row is running, and each unresolved attempt has had its
/// sweeps.
///
/// That no row is running is needed: where a worker died, its attempt is listed only by the claim
/// that takes the row over.
pub(crate) fn is_at_rest(scenario: &Scenario, state: &State) -> bool {
    let swept = match scenario.rules.sweeps {
        Sweeps::Never => AttemptSet::ALL,
        Sweeps::Once => state.ledger.swept_once,
        Sweeps::Twice => state.ledger.swept_twice,
    };
    is_still(scenario, state) && state.ledger.listed.minus(swept).is_empty()
}

/// The same, when only the first sweep is counted.
pub(crate) fn is_at_rest_after_first_sweep(scenario: &Scenario, state: &State) -> bool {
    let is_swept = state
        .ledger
        .listed
        .minus(state.ledger.swept_once)
        .is_empty();
    is_still(scenario, state) && is_swept
}

/// At rest, and every row has its end.
pub(crate) fn is_finished(scenario: &Scenario, state: &State) -> bool {
    let mut rows = state.ledger.rows[..scenario.rows].iter();
    is_at_rest(scenario, state) && rows.all(|row| row.state.is_final())
}

fn is_still(scenario: &Scenario, state: &State) -> bool {
    let on_its_way = state.stytch.in_flight.or(state.stytch.outliving);
    let mut rows = state.ledger.rows[..scenario.rows].iter();
    state.workers.iter().all(|worker| worker.at == At::Idle)
        && state
            .sweepers
            .iter()
            .all(|sweeper| sweeper.stage == Stage::Idle)
        && on_its_way.is_empty()
        && state.late_commit.is_none()
        && rows.all(|row| !row.state.is_running())
}
