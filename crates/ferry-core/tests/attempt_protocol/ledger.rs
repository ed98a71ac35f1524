//! The ledger's transactions, each one step.

use crate::{
    attempts::{Attempt, AttemptSet, ROWS},
    model::{At, Commit, Ledger, Outcome, RowState, Worker},
    rules::{Cancel, FindBy, RecordNames, Scenario, TakeOver},
};

impl Ledger {
    /// The attempt that the row's last claim made; before the first claim, the one it will make.
    pub(crate) fn last_attempt(&self, row: usize) -> Attempt {
        Attempt::of(row, self.rows[row].claims.max(1))
    }

    /// The attempts of the rows that are running.
    pub(crate) fn running(&self) -> AttemptSet {
        (0..ROWS)
            .filter(|row| self.rows[*row].state.is_running())
            .map(|row| AttemptSet::only(self.last_attempt(row)))
            .fold(AttemptSet::default(), AttemptSet::or)
    }

    /// Claims the row: its fence rises, a new attempt begins. Returns what the worker remembers.
    pub(crate) fn claim(&mut self, row: usize) -> Worker {
        let claimed = &mut self.rows[row];
        claimed.fence += 1;
        claimed.claims += 1;
        claimed.state = RowState::Leased;
        let fence = claimed.fence;
        Worker {
            at: At::Claimed,
            attempt: self.last_attempt(row),
            fence,
        }
    }

    /// Takes the row from a worker whose lease is over: the first half of a claim.
    pub(crate) fn take_over(&mut self, scenario: &Scenario, row: usize) {
        if scenario.rules.take_over == TakeOver::ListsOldAttempt {
            self.listed.insert(self.last_attempt(row));
        }
    }

    /// Finishes a row that was taken over with no claim left.
    pub(crate) fn bury(&mut self, row: usize) {
        self.rows[row].fence += 1;
        self.rows[row].state = RowState::Dead;
    }

    /// Writes an attempt's result, and says whether it changed the row.
    pub(crate) fn record(&mut self, scenario: &Scenario, commit: Commit) -> bool {
        let row = commit.attempt.row();
        let leaves_hint = commit.outcome == Outcome::ForeignStays;
        if leaves_hint && scenario.rules.find_by == FindBy::HintOfRow {
            self.hinted.insert(commit.attempt);
        }
        let is_ours = self.rows[row].fence == commit.fence;
        let matches = match scenario.rules.record_names {
            RecordNames::Fence => is_ours,
            RecordNames::FenceAndState => is_ours && self.rows[row].state.is_running(),
            RecordNames::OnlyTheRow => true,
        };
        if !matches {
            return false;
        }
        self.rows[row].state = self.state_after(scenario, commit);
        match commit.outcome {
            Outcome::Migrated => self.recorded.insert(commit.attempt),
            Outcome::Unknown => self.listed.insert(commit.attempt),
            Outcome::ForeignStays => {
                self.listed.insert(commit.attempt);
                self.hinted.insert(commit.attempt);
            }
            Outcome::NothingMinted | Outcome::ForeignRevoked => {}
        }
        true
    }

    fn state_after(&self, scenario: &Scenario, commit: Commit) -> RowState {
        let has_claims_left = self.rows[commit.attempt.row()].claims < scenario.claims_per_row;
        match commit.outcome {
            Outcome::Migrated => RowState::Migrated,
            Outcome::Unknown | Outcome::NothingMinted if has_claims_left => RowState::Waiting,
            _ => RowState::Dead,
        }
    }

    /// Skips the row for the operator.
    pub(crate) fn cancel(&mut self, scenario: &Scenario, row: usize) {
        let rule = scenario.rules.cancel;
        if self.rows[row].state.is_running() && rule != Cancel::RaisesFenceOnly {
            self.listed.insert(self.last_attempt(row));
        }
        let cancelled = &mut self.rows[row];
        cancelled.state = RowState::Skipped;
        cancelled.is_cancelled = true;
        if rule != Cancel::ListsOnly {
            cancelled.fence += 1;
        }
    }
}
