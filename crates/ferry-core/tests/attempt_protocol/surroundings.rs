//! What happens around the workers: the network, time, the operator.

use crate::{
    attempts::Attempt,
    model::{At, Outcome, RowState, State},
    rules::{May, SendWhen},
    steps::{Act, Successors},
};

impl Successors<'_> {
    /// Every next step that no worker or sweeper takes.
    pub(crate) fn of_surroundings(&mut self) {
        let stytch = self.state.stytch;
        stytch
            .in_flight
            .or(stytch.outliving)
            .iter()
            .for_each(|attempt| self.request(attempt));
        for row in 0..self.scenario.rows {
            self.lease(row);
            self.operator(row);
        }
        self.late_commit();
    }

    /// What may become of a request on its way.
    fn request(&mut self, attempt: Attempt) {
        let refused = At::Decided(Outcome::NothingMinted);
        let replied = if self.scenario.is_foreign(attempt.row()) {
            At::HoldsForeign
        } else {
            At::Decided(Outcome::Migrated)
        };
        if let Some(place) = self.waits_for_reply(attempt) {
            self.step_of(Act::RequestMintsAndReplyArrives, attempt, |next| {
                mint(next, attempt);
                next.workers[place].at = replied;
            });
            self.step_of(Act::RequestIsRefused, attempt, |next| {
                arrive(next, attempt);
                next.workers[place].at = refused;
            });
        }
        let unheard = match self.waits_for_reply(attempt) {
            Some(_) => Act::RequestMintsAndReplyIsLost,
            None => Act::RequestMintsUnheard,
        };
        self.step_of(unheard, attempt, |next| mint(next, attempt));
        self.step_of(Act::RequestIsLost, attempt, |next| arrive(next, attempt));
        self.outlives_quiet_time(attempt);
    }

    fn outlives_quiet_time(&mut self, attempt: Attempt) {
        let state = &self.state;
        let can_be_swept = state.ledger.listed.contains(attempt);
        let is_on_time = state.stytch.in_flight.contains(attempt);
        if can_be_swept && is_on_time && state.outliving_left > 0 {
            self.step_of(Act::RequestOutlivesQuietTime, attempt, |next| {
                next.outliving_left -= 1;
                next.stytch.in_flight.remove(attempt);
                next.stytch.outliving.insert(attempt);
            });
        }
    }

    fn waits_for_reply(&self, attempt: Attempt) -> Option<usize> {
        self.state
            .workers
            .iter()
            .position(|worker| worker.at == At::Sent && worker.attempt == attempt)
    }

    /// A lease may end at any time, for its worker may be paused; but not before the moment from
    /// which the worker no longer sends.
    fn lease(&mut self, row: usize) {
        let claimed = self.state.ledger.rows[row];
        let may_be_sent = self.state.workers.iter().any(|worker| {
            worker.at == At::Claimed && worker.attempt.row() == row && worker.fence == claimed.fence
        });
        let waits = may_be_sent && self.scenario.rules.send == SendWhen::WithinLease;
        if claimed.state == RowState::Leased && !waits {
            let attempt = self.state.ledger.last_attempt(row);
            self.step_of(Act::LeaseExpires, attempt, |next| {
                next.ledger.rows[row].state = RowState::Expired;
            });
        }
    }

    fn operator(&mut self, row: usize) {
        let scenario = self.scenario;
        let is_final = self.state.ledger.rows[row].state.is_final();
        if scenario.cancel == May::Happen && !is_final {
            self.step_of(
                Act::OperatorCancels,
                self.state.ledger.last_attempt(row),
                |next| {
                    next.ledger.cancel(scenario, row);
                },
            );
        }
    }

    /// It lands; that it never does is the same as a lost commit.
    fn late_commit(&mut self) {
        let scenario = self.scenario;
        if let Some(commit) = self.state.late_commit {
            self.step_of(Act::DelayedCommitLands, commit.attempt, |next| {
                next.ledger.record(scenario, commit);
                next.late_commit = None;
            });
        }
    }
}

fn mint(next: &mut State, attempt: Attempt) {
    arrive(next, attempt);
    next.stytch.alive.insert(attempt);
}

fn arrive(next: &mut State, attempt: Attempt) {
    next.stytch.in_flight.remove(attempt);
    next.stytch.outliving.remove(attempt);
}
