//! A run, as the ledger tells it, and which runs have a label of their own.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ferry_core::Timestamp;
use ferry_core::books::Books;
use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, PauseCause, SkipReason};
use ferry_core::state::{RunState, SessionState, UnresolvedState};
use prometheus::{GaugeVec, Registry};
use strum::VariantArray;

use crate::catalog::service as catalog;
use crate::service::{float, seconds};

/// So many runs have their name as a label. A schedule makes a run every few minutes, and a series
/// that nobody looks at costs Prometheus as much as one that matters. Those that are not over come
/// first, then the newest; the rest is added up, so that totals stay whole.
pub const NAMED_RUNS: usize = 10;

/// The label of the rest.
pub const OTHER_RUNS: &str = "(others)";

/// A reason that this release does not know: a newer one wrote it.
const OTHER_REASON: &str = "other";

/// A run.
#[derive(Debug, Clone)]
pub struct RunSnapshot {
    /// Grows with each run.
    pub id: RunId,
    /// What the operator calls it.
    pub name: String,
    /// Where it stands.
    pub state: RunState,
    /// Why it is paused.
    pub pause_cause: Option<PauseCause>,
    /// Its books.
    pub books: Books,
    /// Dead letters by reason; `None` is a reason that is not known here.
    pub dead: BTreeMap<Option<DeadReason>, u64>,
    /// Skipped sessions by reason.
    pub skipped: BTreeMap<Option<SkipReason>, u64>,
    /// Waiting sessions that are due.
    pub due: u64,
    /// How long the oldest of them has been due, in seconds.
    pub oldest_due_seconds: f64,
    /// Attempts of unknown outcome.
    pub unresolved: Vec<(UnresolvedState, u64)>,
    /// What comes of its open sessions at the rate allowed; `None` without a rate or without
    /// open sessions.
    pub forecast: Option<FinishForecast>,
}

/// What comes of a run's open sessions.
#[derive(Debug, Clone, Copy)]
pub struct FinishForecast {
    /// When the last call is made.
    pub finish_at: Timestamp,
    /// Sessions that expire before their turn.
    pub expiring: u64,
}

impl RunSnapshot {
    fn is_over(&self) -> bool {
        matches!(self.state, RunState::Finished | RunState::Cancelled)
    }
}

/// The runs with their labels.
pub(crate) fn labelled(runs: &[RunSnapshot]) -> Vec<(&str, &RunSnapshot)> {
    let mut runs: Vec<_> = runs.iter().collect();
    runs.sort_by_key(|run| (run.is_over(), Reverse(run.id.0)));
    runs.into_iter()
        .enumerate()
        .map(|(place, run)| {
            let label = if place < NAMED_RUNS {
                run.name.as_str()
            } else {
                OTHER_RUNS
            };
            (label, run)
        })
        .collect()
}

/// The metrics that have the label `run`.
pub(crate) struct RunMetrics {
    sessions: GaugeVec,
    rows: GaugeVec,
    imbalance: GaugeVec,
    state: GaugeVec,
    paused: GaugeVec,
    dead: GaugeVec,
    skipped: GaugeVec,
    due: GaugeVec,
    oldest_due: GaugeVec,
    unresolved: GaugeVec,
    finish: GaugeVec,
    expiring: GaugeVec,
}

impl RunMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            sessions: catalog::SESSIONS.gauges(registry),
            rows: catalog::ROWS.gauges(registry),
            imbalance: catalog::IMBALANCE.gauges(registry),
            state: catalog::STATE.gauges(registry),
            paused: catalog::PAUSED.gauges(registry),
            dead: catalog::DEAD.gauges(registry),
            skipped: catalog::SKIPPED.gauges(registry),
            due: catalog::DUE.gauges(registry),
            oldest_due: catalog::OLDEST_DUE.gauges(registry),
            unresolved: catalog::UNRESOLVED.gauges(registry),
            finish: catalog::FINISH.gauges(registry),
            expiring: catalog::EXPIRING.gauges(registry),
        }
    }

    /// Adds a run to what stands under its label.
    pub(crate) fn add(&self, label: &str, run: &RunSnapshot) {
        self.add_books(label, &run.books);
        for state in RunState::VARIANTS {
            let state_label: &str = state.into();
            let gauge = self.state.with_label_values(&[label, state_label]);
            gauge.add(f64::from(u8::from(run.state == *state)));
        }
        for cause in PauseCause::VARIANTS {
            let cause_label: &str = cause.into();
            let gauge = self.paused.with_label_values(&[label, cause_label]);
            gauge.add(f64::from(u8::from(run.pause_cause == Some(*cause))));
        }
        add_reasons(&self.dead, label, DeadReason::VARIANTS, &run.dead);
        add_reasons(&self.skipped, label, SkipReason::VARIANTS, &run.skipped);
        self.due.with_label_values(&[label]).add(float(run.due));
        let oldest = self.oldest_due.with_label_values(&[label]);
        oldest.set(oldest.get().max(run.oldest_due_seconds));
        for state in UnresolvedState::VARIANTS {
            let counted = run
                .unresolved
                .iter()
                .filter(|(counted, _)| counted == state);
            let gauge = self.unresolved.with_label_values(&[label, state.into()]);
            gauge.add(float(counted.map(|(_, count)| count).sum()));
        }
        let expiring = self.expiring.with_label_values(&[label]);
        if let Some(forecast) = run.forecast {
            expiring.add(float(forecast.expiring));
            let finish = self.finish.with_label_values(&[label]);
            finish.set(finish.get().max(seconds(forecast.finish_at)));
        }
    }

    fn add_books(&self, label: &str, books: &Books) {
        use SessionState::{Dead, Migrated, Queued, Running, Skipped, Waiting};
        for (state, count) in [
            (Queued, books.queued),
            (Running, books.running),
            (Waiting, books.waiting),
            (Migrated, books.migrated),
            (Skipped, books.skipped),
            (Dead, books.dead),
        ] {
            let gauge = self.sessions.with_label_values(&[label, state.into()]);
            gauge.add(float(count));
        }
        for (kind, count) in [
            ("read", books.exported),
            ("rejected", books.rejected),
            ("duplicate", books.duplicates),
            ("handed_over", books.handed_over),
        ] {
            self.rows
                .with_label_values(&[label, kind])
                .add(float(count));
        }
        // Of `(others)` the sum of what each is off, so that two faults never cancel out.
        let off = float(books.exported) - float(books.accounted_for());
        let imbalance = self.imbalance.with_label_values(&[label]);
        imbalance.set(if label == OTHER_RUNS {
            imbalance.get() + off.abs()
        } else {
            off
        });
    }
}

fn add_reasons<R>(gauges: &GaugeVec, label: &str, all: &[R], counts: &BTreeMap<Option<R>, u64>)
where
    R: Copy + Ord + Into<&'static str>,
{
    let known = all.iter().map(|reason| (Some(*reason), (*reason).into()));
    for (reason, name) in known.chain([(None, OTHER_REASON)]) {
        let count = counts.get(&reason).copied().unwrap_or_default();
        gauges.with_label_values(&[label, name]).add(float(count));
    }
}
