//! What has happened so far in this process, for whoever watches.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use ferry_core::failure::FailureClass;
use ferry_ledger::record::{End, Finished};

/// Counters; read at any time.
#[derive(Debug, Default)]
pub struct Tally {
    /// Sessions carried.
    pub migrated: AtomicU64,
    /// Sessions skipped by an attempt.
    pub skipped: AtomicU64,
    /// Sessions that became dead letters.
    pub dead: AtomicU64,
    /// Attempts that are to be made again.
    pub retried: AtomicU64,
    /// Attempts that were told to wait.
    pub told_to_wait: AtomicU64,
    /// Attempts whose outcome is not known.
    pub unknown: AtomicU64,
    /// Results that came after their lease was taken over.
    pub fenced_out: AtomicU64,
    /// Sessions that the sweeper revoked.
    pub swept: AtomicU64,
    /// Looks of the sweeper that failed; each is repeated.
    pub looks_failed: AtomicU64,
    /// Calls under way.
    pub in_flight: AtomicUsize,
    /// In the last claim, most sessions had to wait for their person's turn.
    pub is_postponing: AtomicBool,
}

impl Tally {
    /// Counts a recorded attempt.
    pub(crate) fn count(&self, finished: &Finished) {
        let counter = match finished.end {
            End::Migrated(_) => &self.migrated,
            End::Skipped(_) => &self.skipped,
            End::Dead(_) => &self.dead,
            End::Waiting { .. } | End::Queued => &self.retried,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        match finished.failure.as_ref().map(|failure| failure.class) {
            Some(FailureClass::Capacity) => &self.told_to_wait,
            Some(FailureClass::UnknownOutcome) => &self.unknown,
            _ => return,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}
