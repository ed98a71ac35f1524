//! What must be true after each step.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;

use ferry_core::id::SessionId;
use ferry_core::reason::DeadReason;
use ferry_core::state::{RunState, SessionState};
use ferry_ledger::dead::Filter;

use super::play::Player;
use super::step::Step;
use crate::tables::SessionRow;

impl Player {
    /// Holds the tables against every promise.
    pub(super) async fn assert_promises(&mut self, step: &Step) {
        let books = self.bench.assert_books_balance().await;
        books.expect("books");
        let after = self.sessions().await;
        for row in after.values() {
            assert_columns_agree(row);
        }
        assert_steps_exist(&self.before, &after);
        self.assert_every_attempt_is_accounted_for(&after, step)
            .await;
        self.assert_only_the_unrecorded_is_revoked(&after).await;
        self.assert_the_dead_have_letters(&after).await;
        let runs = self.run_states().await;
        for ((run, old), (_, new)) in self.runs_before.iter().zip(&runs) {
            // Settling takes two steps at once.
            let allowed = old == new
                || old.may_become(*new)
                || (*old == RunState::Active && *new == RunState::Finished);
            assert!(allowed, "run {run} from {old} to {new} by {step:?}");
        }
        self.runs_before = runs;
        self.before = after;
    }

    /// Whoever is dead has a letter that tells the same, and nobody else has one.
    async fn assert_the_dead_have_letters(&mut self, after: &BTreeMap<SessionId, SessionRow>) {
        let mut listed = Vec::new();
        for discarded in [false, true] {
            let filter = Filter {
                discarded,
                ..Filter::default()
            };
            let letters = self.bench.ledger.dead_sessions(&filter, None, 100).await;
            listed.extend(letters.expect("listed").into_iter().map(|letter| {
                let counted = i64::try_from(letter.attempts).expect("few");
                (
                    letter.session,
                    letter.run,
                    Some(letter.reason),
                    letter.error_type,
                    counted,
                )
            }));
        }
        listed.sort();
        let dead = after.values().filter(|row| row.state == SessionState::Dead);
        let expected: Vec<_> = dead
            .map(|row| {
                let counted = row.attempts_spent + row.unknown_outcomes;
                (
                    row.session,
                    row.run,
                    row.reason.clone(),
                    row.error_type.clone(),
                    counted,
                )
            })
            .collect();
        assert_eq!(listed, expected);
    }

    /// An attempt is under way, recorded, or on the sweeper's list; nothing else.
    async fn assert_every_attempt_is_accounted_for(
        &mut self,
        after: &BTreeMap<SessionId, SessionRow>,
        step: &Step,
    ) {
        let under_way: HashSet<_> = after.values().filter_map(|row| row.attempt).collect();
        let listed = self.bench.tables.listed().await;
        let listed: HashSet<_> = listed.iter().map(|row| row.attempt).collect();
        for attempt in self.granted.keys() {
            let known = under_way.contains(attempt)
                || listed.contains(attempt)
                || self.recorded.contains(attempt);
            assert!(known, "{attempt} is lost by {step:?}");
        }
    }

    /// If every call minted a session: those that the sweeper's list covers are revoked, except
    /// those that a mapping names.
    async fn assert_only_the_unrecorded_is_revoked(
        &mut self,
        after: &BTreeMap<SessionId, SessionRow>,
    ) {
        let at_stytch: Vec<_> = self
            .granted
            .iter()
            .map(|(attempt, minted)| (minted.clone(), *attempt))
            .collect();
        let revoke = self.bench.ledger.to_revoke(&at_stytch).await;
        let mapped: HashSet<_> = after
            .values()
            .filter_map(|row| row.mapped_to.as_ref())
            .collect();
        let listed = self.bench.tables.listed().await;
        let expected = listed
            .iter()
            .map(|row| &self.granted[&row.attempt])
            .filter(|minted| !mapped.contains(minted));
        assert_eq!(revoke.expect("read"), expected.cloned().collect());
    }
}

/// What the columns and tables of one session say is the same story.
fn assert_columns_agree(row: &SessionRow) {
    let state = row.state;
    let running = state == SessionState::Running;
    assert_eq!(row.attempt.is_some(), running, "{row:?}");
    assert_eq!(row.lease_until.is_some(), running, "{row:?}");
    let waiting = state == SessionState::Waiting;
    assert_eq!(row.waits_until.is_some(), waiting, "{row:?}");
    let migrated = state == SessionState::Migrated;
    assert_eq!(row.mapped_to.is_some(), migrated, "{row:?}");
    assert_eq!(row.has_token, needs_its_token(row), "{row:?}");
}

fn needs_its_token(row: &SessionRow) -> bool {
    match row.state {
        SessionState::Queued | SessionState::Running | SessionState::Waiting => true,
        SessionState::Migrated | SessionState::Skipped => false,
        SessionState::Dead => {
            let reason = row.reason.as_deref().expect("the dead have a reason");
            DeadReason::from_str(reason).expect("known").is_mendable()
        }
    }
}

/// No session is lost, and each goes only where the states' diagram leads.
fn assert_steps_exist(
    before: &BTreeMap<SessionId, SessionRow>,
    after: &BTreeMap<SessionId, SessionRow>,
) {
    for (session, old) in before {
        let new = &after[session];
        assert_eq!(new.key, old.key);
        assert!(new.fence >= old.fence, "{old:?} {new:?}");
        let allowed = new.state == old.state || old.state.may_become(new.state);
        assert!(allowed, "{old:?} {new:?}");
        if old.mapped_to.is_some() {
            assert_eq!(new, old, "what is carried stays as it is");
        }
        if old.reason.as_deref() == Some("revoked") {
            assert_eq!(new, old, "what was revoked stays revoked");
        }
        if new.state != old.state && new.state == SessionState::Running {
            assert_eq!(new.fence.0, old.fence.0 + 1, "a claim raises it by one");
        }
    }
}
