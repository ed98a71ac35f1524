//! States without what makes no difference to anything that may still happen.
//!
//! The search takes two states for one when these forms are equal; a trace still shows the states
//! as they were.

use std::cmp::Ordering;

use crate::{
    attempts::AttemptSet,
    model::{At, Outcome, State, Worker},
    rules::{FindBy, RecordNames, Scenario, Sweeps},
};

impl State {
    /// One state for all that differ only in names, or in what nobody will look at again.
    pub(crate) fn canonical(&self, scenario: &Scenario) -> Self {
        let mut state = *self;
        state.forget_settled_attempts(scenario);
        state.forget_fenced_out_results(scenario);
        state.call_holder_first();
        state.workers.sort_unstable();
        if scenario.rows == 1 || scenario.is_foreign(0) {
            return state;
        }
        match state.ledger.rows[0].cmp(&state.ledger.rows[1]) {
            Ordering::Less => state,
            Ordering::Greater => state.with_rows_exchanged(),
            Ordering::Equal => state.min(state.with_rows_exchanged()),
        }
    }

    /// An attempt that has had its sweeps, is nowhere alive or on its way and in nobody's memory
    /// might as well never have been: a row's claims are never numbered anew.
    fn forget_settled_attempts(&mut self, scenario: &Scenario) {
        let used = self.attempts_in_use(scenario);
        let ledger = &mut self.ledger;
        let swept = match scenario.rules.sweeps {
            Sweeps::Never => return,
            Sweeps::Once => ledger.swept_once,
            Sweeps::Twice => ledger.swept_twice,
        };
        let settled = swept.minus(used);
        ledger.listed = ledger.listed.minus(settled);
        ledger.hinted = ledger.hinted.minus(settled);
        ledger.swept_once = ledger.swept_once.minus(settled);
        ledger.swept_twice = ledger.swept_twice.minus(settled);
    }

    fn attempts_in_use(&self, scenario: &Scenario) -> AttemptSet {
        let stytch = &self.stytch;
        let mut used = stytch.alive.or(stytch.in_flight).or(stytch.outliving);
        used = used.or(self.ledger.recorded);
        if scenario.rules.find_by == FindBy::HintOfRow {
            used = used.or(self.ledger.hinted);
        }
        for sweeper in &self.sweepers {
            used = used.or(sweeper.picked).or(sweeper.noted);
        }
        for worker in &self.workers {
            if worker.has_attempt() {
                used.insert(worker.attempt);
            }
        }
        if let Some(commit) = &self.late_commit {
            used.insert(commit.attempt);
        }
        used
    }

    /// Whatever a fenced-out worker would record, it will record nothing.
    fn forget_fenced_out_results(&mut self, scenario: &Scenario) {
        let rules = &scenario.rules;
        if rules.record_names == RecordNames::OnlyTheRow || rules.find_by == FindBy::HintOfRow {
            return;
        }
        for worker in &mut self.workers {
            let is_out = self.ledger.rows[worker.attempt.row()].fence != worker.fence;
            match &mut worker.at {
                At::Decided(outcome) | At::Unanswered(outcome) if is_out => {
                    *outcome = Outcome::Unknown;
                }
                _ => {}
            }
        }
        if let Some(commit) = &mut self.late_commit {
            let is_out = self.ledger.rows[commit.attempt.row()].fence != commit.fence;
            if is_out {
                commit.outcome = Outcome::Unknown;
            }
        }
    }

    /// Puts the sweeper that has the lease in the first place.
    fn call_holder_first(&mut self) {
        if self.ledger.lease_of_sweeper != 0 {
            self.ledger.lease_of_sweeper = 0;
            self.sweepers.swap(0, 1);
        }
    }

    fn with_rows_exchanged(&self) -> Self {
        let mut state = *self;
        state.ledger.rows.swap(0, 1);
        for set in state.sets() {
            *set = set.in_other_row();
        }
        for worker in &mut state.workers {
            if worker.has_attempt() {
                worker.attempt = worker.attempt.in_other_row();
            }
        }
        state.workers.sort_unstable();
        if let Some(commit) = &mut state.late_commit {
            commit.attempt = commit.attempt.in_other_row();
        }
        state
    }

    fn sets(&mut self) -> [&mut AttemptSet; 12] {
        let [first, second] = &mut self.sweepers;
        let (ledger, stytch) = (&mut self.ledger, &mut self.stytch);
        [
            &mut ledger.recorded,
            &mut ledger.listed,
            &mut ledger.hinted,
            &mut ledger.swept_once,
            &mut ledger.swept_twice,
            &mut stytch.alive,
            &mut stytch.in_flight,
            &mut stytch.outliving,
            &mut first.picked,
            &mut first.noted,
            &mut second.picked,
            &mut second.noted,
        ]
    }
}

impl Worker {
    fn has_attempt(self) -> bool {
        !matches!(self.at, At::Idle | At::Recorded)
    }
}
