//! Does what a history says, and remembers what a worker and Stytch would know of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use ferry_core::Timestamp;
use ferry_core::id::{AttemptId, RunId, SessionId};
use ferry_core::reason::{PauseCause, SkipReason};
use ferry_core::session::ExportRow;
use ferry_core::state::RunState;
use ferry_ledger::claim::{Claim, Lease};
use ferry_ledger::dead::Filter;
use ferry_ledger::replay::Slice;
use ferry_ledger::sweep::Looked;
use proptest::sample::Index;

use super::step::{End, PEOPLE, RUNS, Row, Step};
use crate::bench::{Bench, LEASE, QUIET, SECOND_LOOK, TERMS};
use crate::ends::minted_id;
use crate::people::{Person, person};
use crate::subjects;
use crate::tables::SessionRow;

const NAMES: [&str; RUNS] = ["spring", "summer", "autumn"];

/// A bench and what happened on it.
pub(super) struct Player {
    pub(super) bench: Bench,
    pub(super) runs: [RunId; RUNS],
    /// The leases whose holders are alive.
    held: Vec<Lease>,
    /// Each attempt that was ever granted, with what its call minted (or would have).
    pub(super) granted: HashMap<AttemptId, String>,
    /// The attempts whose end the ledger said it has.
    pub(super) recorded: HashSet<AttemptId>,
    /// The sessions before the step.
    pub(super) before: BTreeMap<SessionId, SessionRow>,
    /// The states of the runs before the step.
    pub(super) runs_before: Vec<(RunId, RunState)>,
}

fn someone(number: usize) -> Person {
    person(&format!("visitor-{number}"), number as u64 + 1, 60)
}

impl Player {
    /// All runs are begun, the first one is active and has the sessions of some.
    pub(super) async fn at(mut bench: Bench) -> Self {
        let some = (0..PEOPLE / 2).map(someone);
        let first = bench.active_run(NAMES[0], some).await;
        let mut runs = [first.expect("registered"); RUNS];
        for (run, name) in runs.iter_mut().zip(NAMES) {
            *run = bench.begin(name).await.expect("begun").id;
        }
        let mut player = Self {
            bench,
            runs,
            held: Vec::new(),
            granted: HashMap::new(),
            recorded: HashSet::new(),
            before: BTreeMap::new(),
            runs_before: Vec::new(),
        };
        player.before = player.sessions().await;
        player.runs_before = player.run_states().await;
        player
    }

    pub(super) async fn sessions(&mut self) -> BTreeMap<SessionId, SessionRow> {
        let rows = self.bench.tables.sessions().await;
        rows.into_iter().map(|row| (row.session, row)).collect()
    }

    pub(super) async fn run_states(&self) -> Vec<(RunId, RunState)> {
        let runs = self.bench.ledger.runs().await.expect("runs");
        runs.into_iter().map(|run| (run.id, run.state)).collect()
    }

    pub(super) async fn play(&mut self, step: &Step) {
        match step {
            Step::Register { run, rows } => self.register(*run, rows).await,
            Step::EndRegistering { run } => {
                let ended = self.bench.ledger.end_registering(self.runs[*run]).await;
                ended.expect("ended");
            }
            Step::Claim { people, limited } => self.claim(people, *limited).await,
            Step::Record {
                leases,
                answer_is_lost,
            } => self.record(leases, *answer_is_lost).await,
            Step::Crash { lease } => {
                if !self.held.is_empty() {
                    self.held.swap_remove(lease.index(self.held.len()));
                }
            }
            Step::Advance(time) => self.bench.clock.advance(*time),
            Step::Void => {
                self.bench.ledger.void_leases().await.expect("voided");
            }
            Step::Pause { run } => {
                let cause = PauseCause::Operator;
                let paused = self.bench.ledger.pause(self.runs[*run], cause).await;
                paused.expect("paused");
            }
            Step::Resume { run } => {
                let resumed = self.bench.ledger.resume(self.runs[*run]).await;
                resumed.expect("resumed");
            }
            Step::Expire { run } => {
                let beginning = Timestamp::from_millis(0);
                let expired = self.bench.ledger.expire(self.runs[*run], beginning).await;
                expired.expect("expired");
            }
            Step::Look { verifiable } => self.look(*verifiable).await,
            Step::Settle { run } => self.settle(*run).await,
            Step::Replay { run, waits } => self.replay(*run, *waits).await,
            Step::Discard { run } => {
                let filter = Filter {
                    run: Some(self.runs[*run]),
                    ..Filter::default()
                };
                let deed = self.bench.deed().await.expect("noted");
                let discarded = self.bench.ledger.discard(&filter, deed).await;
                discarded.expect("put aside");
            }
            Step::Cancel { run } => {
                let cancelled = self.bench.ledger.cancel(self.runs[*run], QUIET).await;
                cancelled.expect("cancelled");
            }
        }
    }

    async fn register(&mut self, run: usize, rows: &[Row]) {
        let state = self
            .bench
            .ledger
            .run(NAMES[run])
            .await
            .expect("begun")
            .state;
        if state != RunState::Registering {
            return;
        }
        let rows = rows.iter().map(|row| {
            let person = someone(row.person).with_token_for(row.minutes);
            ExportRow::from(if row.skipped {
                person.skipped(SkipReason::WrongAudience)
            } else {
                person
            })
        });
        let registered = self.bench.register(self.runs[run], rows).await;
        registered.expect("registered");
    }

    async fn claim(&mut self, people: &[usize], limited: bool) {
        let mut sessions = Vec::new();
        for number in people {
            let row = self.bench.tables.session(someone(*number).key()).await;
            sessions.extend(row.map(|row| row.session));
        }
        let bench = &mut self.bench;
        let terms = if limited {
            subjects::limited(subjects::limit(1, 1.0 / 30.0))
        } else {
            TERMS
        };
        let claims = bench.ledger.claim(&sessions, &terms, &mut bench.rng);
        for claim in claims.await.expect("claimed") {
            if let Claim::Granted(lease) = claim {
                self.granted.insert(lease.attempt, minted_id(&lease));
                self.held.push(*lease);
            }
        }
    }

    async fn record(&mut self, ends: &[(Index, End)], answer_is_lost: bool) {
        let mut chosen = BTreeMap::new();
        for (at, end) in ends {
            if !self.held.is_empty() {
                chosen.insert(at.index(self.held.len()), *end);
            }
        }
        let mut finished: Vec<_> = chosen
            .iter()
            .map(|(at, end)| end.of(&self.held[*at]))
            .collect();
        let bench = &mut self.bench;
        let recorded = bench.ledger.record(&finished, &mut bench.rng).await;
        let recorded = recorded.expect("recorded");
        // Of two ends of one session only the later fence's can have been taken.
        finished.sort_by_key(|finished| finished.fence);
        let latest: HashMap<_, _> = finished
            .iter()
            .map(|finished| (finished.session, finished.attempt))
            .collect();
        let taken = recorded.iter().map(|session| latest[session]);
        self.recorded.extend(taken);
        if !answer_is_lost {
            for at in chosen.keys().rev() {
                self.held.swap_remove(*at);
            }
        }
    }

    async fn look(&mut self, verifiable: bool) {
        let due = self.bench.ledger.unresolved_due(10).await.expect("due");
        let looked: Vec<_> = due
            .iter()
            .map(|unresolved| Looked {
                attempt: unresolved.attempt,
                revoked: u32::from(verifiable),
                verifiable: verifiable || !unresolved.members.is_empty(),
            })
            .collect();
        let noted = self.bench.ledger.looked(&looked, SECOND_LOOK).await;
        noted.expect("noted");
    }

    async fn replay(&mut self, run: usize, waits: bool) {
        let slice = Slice {
            run: self.runs[run],
            filter: &Filter::default(),
            deed: self.bench.deed().await.expect("noted"),
            after: None,
            limit: 2,
            pace: waits.then(|| (self.bench.now().plus(LEASE), LEASE)),
        };
        let replayed = self.bench.ledger.replay(&slice).await;
        let replayed = replayed.expect("replayed").replayed;
        let state = self
            .bench
            .ledger
            .run(NAMES[run])
            .await
            .expect("begun")
            .state;
        assert!(replayed == 0 || state == RunState::Active, "{state}");
    }

    async fn settle(&mut self, run: usize) {
        let id = self.runs[run];
        let state = self.bench.ledger.settle(id).await.expect("settled");
        let books = self.bench.ledger.books(id).await.expect("books");
        let audit = self.bench.ledger.audit(id).await.expect("audit");
        let settled = matches!(state, RunState::Auditing | RunState::Finished);
        assert!(!settled || books.open() == 0, "{state}: {books:?}");
        if state == RunState::Auditing {
            assert!(audit.unresolved > 0, "nothing is left to look up");
        }
    }
}
