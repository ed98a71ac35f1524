//! What a sweeper may do next.

use crate::{
    attempts::AttemptSet,
    model::{At, Stage, State, Sweeper},
    rules::{FindBy, Mark, Order, Quiet, Revoke, Scenario, SendWhen, Sweeps},
    steps::{Act, Successors},
};

impl Successors<'_> {
    /// Every next step of one sweeper.
    pub(crate) fn of_sweeper(&mut self, place: u8) {
        let index = usize::from(place);
        let sweeper = self.state.sweepers[index];
        match sweeper.stage {
            Stage::Idle => self.pick(place),
            Stage::Picked => self.first_reading(index),
            Stage::ReadOnce => self.second_reading(index),
            Stage::Revoking if sweeper.noted.is_empty() => self.mark(place),
            Stage::Revoking => self.revoke_one(index),
        }
        if sweeper.stage != Stage::Idle {
            self.step(Act::SweeperCrashes, sweeper.picked, |next| {
                next.sweepers[index] = Sweeper::default();
            });
        }
        self.lose_lease(place);
    }

    /// Any choice among the attempts that are due: their quiet times end at different moments.
    fn pick(&mut self, place: u8) {
        if self.state.ledger.lease_of_sweeper != place {
            return;
        }
        let due = due(self.scenario, &self.state);
        for picked in due.subsets() {
            self.step(Act::SweeperPicks, picked, |next| {
                let stage = Stage::Picked;
                let noted = AttemptSet::default();
                next.sweepers[usize::from(place)] = Sweeper {
                    stage,
                    picked,
                    noted,
                };
            });
        }
    }

    fn first_reading(&mut self, index: usize) {
        let Sweeper { picked, .. } = self.state.sweepers[index];
        let (act, noted) = match self.scenario.rules.order {
            Order::ListThenRead => (
                Act::SweeperListsSessions,
                sessions_seen(self.scenario, &self.state, picked),
            ),
            Order::ReadThenList => (
                Act::SweeperReadsLedger,
                revocable(self.scenario, &self.state, picked),
            ),
        };
        self.step(act, noted, |next| {
            next.sweepers[index] = Sweeper {
                stage: Stage::ReadOnce,
                picked,
                noted,
            };
        });
    }

    fn second_reading(&mut self, index: usize) {
        let Sweeper { picked, noted, .. } = self.state.sweepers[index];
        let (act, read) = match self.scenario.rules.order {
            Order::ListThenRead => (
                Act::SweeperReadsLedger,
                revocable(self.scenario, &self.state, picked),
            ),
            Order::ReadThenList => (
                Act::SweeperListsSessions,
                sessions_seen(self.scenario, &self.state, picked),
            ),
        };
        let noted = noted.and(read);
        self.step(act, noted, |next| {
            next.sweepers[index] = Sweeper {
                stage: Stage::Revoking,
                picked,
                noted,
            };
        });
    }

    fn revoke_one(&mut self, index: usize) {
        for attempt in self.state.sweepers[index].noted.iter() {
            self.step_of(Act::SweeperRevokes, attempt, |next| {
                next.stytch.alive.remove(attempt);
                next.sweepers[index].noted.remove(attempt);
            });
        }
    }

    fn mark(&mut self, place: u8) {
        let index = usize::from(place);
        let Sweeper { picked, .. } = self.state.sweepers[index];
        if self.state.ledger.lease_of_sweeper != place {
            self.step(Act::StaleSweeperStops, picked, |next| {
                next.sweepers[index] = Sweeper::default();
            });
            return;
        }
        let swept = match self.scenario.rules.mark {
            Mark::WhatWasPicked => picked,
            Mark::WhatIsListedByThen => due(self.scenario, &self.state),
        };
        self.step(Act::SweeperMarksSwept, swept, |next| {
            let ledger = &mut next.ledger;
            ledger.swept_twice = ledger.swept_twice.or(ledger.swept_once.and(swept));
            ledger.swept_once = ledger.swept_once.or(swept);
            next.sweepers[index] = Sweeper::default();
        });
    }

    fn lose_lease(&mut self, place: u8) {
        if self.state.ledger.lease_of_sweeper == place && self.state.take_overs_left > 0 {
            self.step(Act::OtherSweeperTakesLease, AttemptSet::default(), |next| {
                next.take_overs_left -= 1;
                next.ledger.lease_of_sweeper = 1 - place;
            });
        }
    }
}

/// Attempts that may be swept now: the first time when quiet, the second time when nothing of them
/// can be on its way any more.
fn due(scenario: &Scenario, state: &State) -> AttemptSet {
    let ledger = &state.ledger;
    let first = ledger
        .listed
        .minus(ledger.swept_once)
        .minus(not_quiet(scenario, state));
    let on_its_way = state.stytch.in_flight.or(state.stytch.outliving);
    let second = ledger
        .swept_once
        .minus(ledger.swept_twice)
        .minus(on_its_way);
    match scenario.rules.sweeps {
        Sweeps::Never => AttemptSet::default(),
        Sweeps::Once => first,
        Sweeps::Twice => first.or(second),
    }
}

/// Attempts whose quiet time cannot be over yet.
fn not_quiet(scenario: &Scenario, state: &State) -> AttemptSet {
    let sent = state.stytch.in_flight;
    let may_be_sent = state
        .workers
        .iter()
        .filter(|worker| worker.at == At::Claimed);
    let may_be_sent = may_be_sent
        .map(|worker| AttemptSet::only(worker.attempt))
        .fold(AttemptSet::default(), AttemptSet::or);
    match (scenario.rules.quiet, scenario.rules.send) {
        (Quiet::OutlastsSendWindowAndCall, SendWhen::WithinLease) => sent.or(may_be_sent),
        (Quiet::OutlastsSendWindowAndCall, SendWhen::AtAnyTime) | (Quiet::OutlastsCallOnly, _) => {
            sent
        }
        (Quiet::Missing, _) => AttemptSet::default(),
    }
}

/// The sessions in Stytch's lists of the members that the sweep finds for these attempts.
fn sessions_seen(scenario: &Scenario, state: &State, picked: AttemptSet) -> AttemptSet {
    let hinted = state.ledger.hinted;
    let finds_the_other = match scenario.rules.find_by {
        FindBy::HintOfAttempt => !picked.and(hinted).is_empty(),
        FindBy::HintOfRow => !picked.and(hinted.whole_rows()).is_empty(),
        FindBy::AskingUserInfo => true,
    };
    let of_the_other = (0..scenario.rows)
        .filter(|row| scenario.is_foreign(*row))
        .map(AttemptSet::of_row)
        .fold(AttemptSet::default(), AttemptSet::or);
    let alive = state.stytch.alive;
    if finds_the_other {
        alive
    } else {
        alive.minus(of_the_other)
    }
}

/// What the ledger, as it is now, allows to be revoked.
fn revocable(scenario: &Scenario, state: &State, picked: AttemptSet) -> AttemptSet {
    let ledger = &state.ledger;
    match scenario.rules.revoke {
        Revoke::ListedAttempts => ledger.listed.minus(ledger.recorded),
        Revoke::UnsweptAttempts => ledger
            .listed
            .minus(ledger.swept_once)
            .minus(ledger.recorded),
        Revoke::NeitherRecordedNorRunning => AttemptSet::ALL
            .minus(ledger.recorded)
            .minus(ledger.running()),
        Revoke::WhateverIsNotRecorded => AttemptSet::ALL.minus(ledger.recorded),
        Revoke::WholeMember => AttemptSet::ALL.minus(ledger.recorded.and(picked.whole_rows())),
    }
}
