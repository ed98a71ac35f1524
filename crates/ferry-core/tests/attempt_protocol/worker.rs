//! What a worker may do next.

use crate::{
    attempts::{Attempt, AttemptSet},
    model::{At, Commit, Ledger, Outcome, RowState, Worker},
    rules::{Commits, Unanswered},
    steps::{Act, Successors},
};

impl Successors<'_> {
    /// Every next step of the worker in this place.
    pub(crate) fn of_worker(&mut self, place: usize) {
        let worker = self.state.workers[place];
        match worker.at {
            At::Idle => (0..self.scenario.rows).for_each(|row| self.delivery(place, row)),
            At::Claimed => self.claimed(place),
            At::Sent => self.worker_step(Act::WorkerTimesOut, place, At::Decided(Outcome::Unknown)),
            At::HoldsForeign => self.holds_foreign(place),
            At::Decided(outcome) => self.decided(place, outcome),
            At::Unanswered(outcome) => self.reads_row_again(place, outcome),
            At::Recorded => self.worker_forgets(Act::WorkerAcks, place),
        }
        if worker.at != At::Idle {
            self.worker_forgets(Act::WorkerCrashes, place);
        }
    }

    /// A message with the row's id. Where the claim is refused, nothing changes: no step.
    fn delivery(&mut self, place: usize, row: usize) {
        let scenario = self.scenario;
        let ledger = self.state.ledger;
        let made = Attempt::of(row, ledger.rows[row].claims + 1);
        match ledger.rows[row].state {
            RowState::Queued | RowState::Waiting => self.step_of(Act::WorkerClaims, made, |next| {
                next.workers[place] = next.ledger.claim(row);
            }),
            RowState::Expired if ledger.rows[row].claims < scenario.claims_per_row => {
                self.step_of(Act::WorkerTakesOver, made, |next| {
                    next.ledger.take_over(scenario, row);
                    next.workers[place] = next.ledger.claim(row);
                });
            }
            RowState::Expired => {
                self.step_of(Act::WorkerBuriesRow, ledger.last_attempt(row), |next| {
                    next.ledger.take_over(scenario, row);
                    next.ledger.bury(row);
                });
            }
            RowState::Leased | RowState::Migrated | RowState::Skipped | RowState::Dead => {}
        }
    }

    fn claimed(&mut self, place: usize) {
        let attempt = self.state.workers[place].attempt;
        self.step_of(Act::WorkerSends, attempt, |next| {
            next.workers[place].at = At::Sent;
            next.stytch.in_flight.insert(attempt);
        });
        self.worker_step(
            Act::SendWindowCloses,
            place,
            At::Decided(Outcome::NothingMinted),
        );
    }

    /// Revokes at once, before it records: nobody else can ever record this session.
    fn holds_foreign(&mut self, place: usize) {
        let attempt = self.state.workers[place].attempt;
        let stays = At::Decided(Outcome::ForeignStays);
        self.step_of(Act::WorkerRevokesForeign, attempt, |next| {
            next.stytch.alive.remove(attempt);
            next.workers[place].at = At::Decided(Outcome::ForeignRevoked);
        });
        self.step_of(Act::WorkerRevokesForeignUnanswered, attempt, |next| {
            next.stytch.alive.remove(attempt);
            next.workers[place].at = stays;
        });
        self.step_of(Act::WorkerFailsToRevokeForeign, attempt, |next| {
            next.workers[place].at = stays;
        });
    }

    /// Every way in which the commit of a result can end.
    fn decided(&mut self, place: usize, outcome: Outcome) {
        let scenario = self.scenario;
        let Worker { attempt, fence, .. } = self.state.workers[place];
        let commit = Commit {
            outcome,
            attempt,
            fence,
        };

        let mut ledger = self.state.ledger;
        let (answer, at) = if ledger.record(scenario, commit) {
            (Act::WorkerRecords, At::Recorded)
        } else {
            (Act::WorkerIsFencedOut, At::Idle)
        };
        self.step_of(answer, attempt, |next| {
            next.ledger = ledger;
            next.workers[place] = Worker {
                at,
                ..Worker::default()
            };
        });
        self.commit_goes_unanswered(place, commit, ledger);
    }

    fn commit_goes_unanswered(&mut self, place: usize, commit: Commit, landed: Ledger) {
        let at = At::Unanswered(commit.outcome);
        if self.scenario.commits == Commits::AreAnswered {
            return;
        }
        self.step_of(Act::CommitLandsUnanswered, commit.attempt, |next| {
            next.ledger = landed;
            next.workers[place].at = at;
        });
        self.worker_step(Act::CommitIsLost, place, at);
        let has_room = self.state.late_commit.is_none();
        if self.scenario.commits == Commits::MayLandLate && has_room {
            self.step_of(Act::CommitIsDelayed, commit.attempt, |next| {
                next.late_commit = Some(commit);
                next.workers[place].at = at;
            });
        }
    }

    /// Running under the worker's own fence means not recorded yet. Anything else is either its own
    /// result or another's claim, and in both cases the worker is done.
    fn reads_row_again(&mut self, place: usize, outcome: Outcome) {
        let Worker { attempt, fence, .. } = self.state.workers[place];
        let row = self.state.ledger.rows[attempt.row()];
        let again = match self.scenario.rules.unanswered {
            Unanswered::RecordsTheSame => outcome,
            Unanswered::RecordsUnknown => Outcome::Unknown,
        };
        if row.fence != fence {
            self.worker_forgets(Act::WorkerReadsRowAgain, place);
        } else if row.state.is_running() {
            self.worker_step(Act::WorkerReadsRowAgain, place, At::Decided(again));
        } else {
            self.step_of(Act::WorkerReadsRowAgain, attempt, |next| {
                next.workers[place] = Worker {
                    at: At::Recorded,
                    ..Worker::default()
                };
            });
        }
    }

    /// The worker goes on with the same attempt.
    fn worker_step(&mut self, act: Act, place: usize, at: At) {
        let attempt = self.state.workers[place].attempt;
        self.step_of(act, attempt, |next| next.workers[place].at = at);
    }

    /// The worker is done with the attempt, or dies.
    fn worker_forgets(&mut self, act: Act, place: usize) {
        let Worker { at, attempt, .. } = self.state.workers[place];
        let on = if at == At::Recorded {
            AttemptSet::default()
        } else {
            AttemptSet::only(attempt)
        };
        self.step(act, on, |next| next.workers[place] = Worker::default());
    }
}
