//! A way through one run's due sessions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use ferry_ledger::due::{Due, DueCursor};
use ferry_ledger::{Ledger, LedgerError};
use ferry_queue::Message;

/// Between two looks whether anything is left, and between two ways from the head.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// Looking through a large run takes its time; then pause so many times as long, so that looking
/// takes a fifth of one core at the most.
const PAUSE_PER_LOOK: u32 = 4;
/// In a queue that other runs keep filled, what this run had there is gone after this.
const QUEUE_PASSES: Duration = Duration::from_secs(30);

pub(super) struct Walk {
    pub(super) run: RunId,
    cursor: DueCursor,
    /// Read from the ledger, in order of urgency, and not published yet.
    ahead: VecDeque<Due>,
    /// Since when the cursor is at its end.
    at_end: Option<Instant>,
    /// No look before this.
    look_at: Instant,
    /// What expired before this is skipped already.
    expired_until: Timestamp,
}

impl Walk {
    pub(super) fn new(run: RunId) -> Self {
        Self {
            run,
            cursor: DueCursor::default(),
            ahead: VecDeque::new(),
            at_end: None,
            look_at: Instant::now(),
            expired_until: Timestamp::from_millis(i64::MIN),
        }
    }

    pub(super) fn begin_again(&mut self) {
        self.cursor = DueCursor::default();
        self.ahead.clear();
        self.at_end = None;
    }

    /// Reads what is due next, at most `limit`, unless some is read already.
    pub(super) async fn read(&mut self, ledger: &Ledger, limit: usize) -> Result<(), LedgerError> {
        if !self.ahead.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.ahead = ledger.due(self.run, &mut self.cursor, limit).await?.into();
        if self.ahead.is_empty() {
            if self.at_end.is_none() {
                self.pause_after(began);
            }
            self.at_end.get_or_insert_with(Instant::now);
        } else {
            self.at_end = None;
        }
        Ok(())
    }

    /// Whether it is time to ask if the run has anything left.
    pub(super) fn may_look(&self, depth: usize) -> bool {
        let nothing_queued = |since: Instant| depth == 0 || since.elapsed() >= QUEUE_PASSES;
        self.at_end.is_some_and(nothing_queued) && self.look_at <= Instant::now()
    }

    /// If anything is left, it is waiting, or was left behind: it is looked for from the head.
    pub(super) fn looked(&mut self, began: Instant, anything_left: bool) {
        self.pause_after(began);
        if anything_left {
            self.begin_again();
        }
    }

    fn pause_after(&mut self, began: Instant) {
        self.look_at = Instant::now() + LOOK_PAUSE.max(began.elapsed() * PAUSE_PER_LOOK);
    }

    pub(super) async fn expire(&mut self, ledger: &Ledger) -> Result<(), LedgerError> {
        let now = ledger.now();
        let expired = ledger.expire(self.run, self.expired_until).await?;
        if expired > 0 {
            tracing::info!(run.id = %self.run, sessions = expired, "tokens expired before their turn");
        }
        self.expired_until = now;
        Ok(())
    }
}

/// Takes the most urgent sessions of all runs, at most `limit`, most urgent first. What waits was
/// begun before what is queued: it goes before all.
pub(super) fn most_urgent(walks: &mut [Walk], limit: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.len() < limit {
        let urgency = |due: &Due| (!due.waiting, due.urgent_at);
        let next = walks
            .iter_mut()
            .filter(|walk| !walk.ahead.is_empty())
            .min_by_key(|walk| walk.ahead.front().map(urgency));
        let Some((run, due)) = next.and_then(|walk| Some((walk.run, walk.ahead.pop_front()?)))
        else {
            break;
        };
        messages.push(Message {
            run,
            session: due.session,
        });
    }
    messages
}

#[cfg(test)]
mod tests {
    use ferry_core::id::SessionId;

    use super::*;

    fn walk(run: i64, ahead: &[(i64, bool)]) -> Walk {
        let mut walk = Walk::new(RunId(run));
        walk.ahead = ahead
            .iter()
            .map(|&(urgent_at, waiting)| Due {
                session: SessionId(run * 1_000 + urgent_at),
                urgent_at: Timestamp::from_millis(urgent_at),
                waiting,
            })
            .collect();
        walk
    }

    fn taken(walks: &mut [Walk], limit: usize) -> Vec<i64> {
        let messages = most_urgent(walks, limit);
        messages.iter().map(|m| m.session.0).collect()
    }

    #[test]
    fn runs_are_merged_by_urgency_and_what_waits_goes_first() {
        let mut walks = [
            walk(1, &[(9, true), (10, false), (30, false)]),
            walk(2, &[(20, false), (40, false)]),
            walk(3, &[]),
        ];
        assert_eq!(taken(&mut walks, 4), [1009, 1010, 2020, 1030]);
        assert_eq!(taken(&mut walks, 4), [2040]);
        assert!(taken(&mut walks, 4).is_empty());
    }

    #[test]
    fn a_run_with_a_full_queue_beside_it_is_looked_at_in_the_end() {
        let mut walk = walk(1, &[]);
        assert!(!walk.may_look(0), "its end is not known yet");
        walk.at_end = Some(Instant::now());
        assert!(walk.may_look(0));
        assert!(!walk.may_look(100));
        walk.at_end = Instant::now().checked_sub(QUEUE_PASSES);
        assert!(walk.at_end.is_none() || walk.may_look(100));
    }
}
