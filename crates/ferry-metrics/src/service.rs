//! What the ledger tells of all processes together.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::budget::Rate;
use ferry_core::state::MappingState;
use prometheus::Registry;
use strum::VariantArray;

use crate::catalog::service as catalog;
use crate::instance::encoded;
use crate::label::{Budget, LimitedBy};
use crate::run::{RunMetrics, RunSnapshot, labelled};

/// Everything at one moment.
#[derive(Debug, Clone)]
pub struct ServiceSnapshot {
    /// When it was read, by the ledger's clock.
    pub read_at: Timestamp,
    /// How long that took.
    pub took: Duration,
    /// All runs.
    pub runs: Vec<RunSnapshot>,
    /// The rates that are limited.
    pub allowed: Vec<AllowedRate>,
    /// Sessions that came to an end, per second.
    pub settled_per_second: f64,
    /// What keeps all workers together from being faster.
    pub limited_by: LimitedBy,
    /// Mappings by state.
    pub mappings: Vec<(MappingState, u64)>,
    /// How long the sweeper's oldest look has been due, in seconds.
    pub sweep_overdue_seconds: f64,
    /// Processes at work.
    pub workers: u64,
    /// `None` when the queue cannot be asked.
    pub queues: Option<QueueDepths>,
}

/// A rate that all workers share, as it is now.
#[derive(Debug, Clone, Copy)]
pub struct AllowedRate {
    /// Which.
    pub budget: Budget,
    /// How fast.
    pub rate: Rate,
}

/// What lies in the queues.
#[derive(Debug, Clone, Copy)]
pub struct QueueDepths {
    /// Messages that no worker has taken.
    pub work: u64,
    /// Messages in the dead-letter queue.
    pub dead: u64,
}

impl ServiceSnapshot {
    /// All of it, in Prometheus' text format.
    pub fn text(&self) -> String {
        // A registry of its own, so that a run which is gone leaves no series behind.
        let registry = Registry::new();
        let runs = RunMetrics::new(&registry);
        for (label, run) in labelled(&self.runs) {
            runs.add(label, run);
        }
        let allowed = catalog::ALLOWED.gauges(&registry);
        for AllowedRate { budget, rate } in &self.allowed {
            let gauge = allowed.with_label_values(&[<&str>::from(budget)]);
            gauge.set(rate.as_per_second());
        }
        let limited_by = catalog::LIMITED_BY.gauges(&registry);
        for by in LimitedBy::VARIANTS {
            let gauge = limited_by.with_label_values(&[<&str>::from(by)]);
            gauge.set(f64::from(u8::from(self.limited_by == *by)));
        }
        let mappings = catalog::MAPPINGS.gauges(&registry);
        for state in MappingState::VARIANTS {
            let counted = self.mappings.iter().filter(|(counted, _)| counted == state);
            let gauge = mappings.with_label_values(&[<&str>::from(state)]);
            gauge.set(float(counted.map(|(_, count)| count).sum()));
        }
        for (metric, value) in [
            (catalog::ACHIEVED, self.settled_per_second),
            (catalog::SWEEP_OVERDUE, self.sweep_overdue_seconds),
            (catalog::WORKERS, float(self.workers)),
            (catalog::READ_AT, seconds(self.read_at)),
            (catalog::READ_SECONDS, self.took.as_secs_f64()),
        ] {
            metric.gauge(&registry).set(value);
        }
        if let Some(queues) = self.queues {
            let dead: u64 = self.runs.iter().map(|run| run.books.dead).sum();
            for (metric, value) in [
                (catalog::QUEUE, float(queues.work)),
                (catalog::DEAD_QUEUE, float(queues.dead)),
                (catalog::DRIFT, float(queues.dead) - float(dead)),
            ] {
                metric.gauge(&registry).set(value);
            }
        }
        encoded(&registry)
    }
}

/// Since 1970.
#[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
pub(crate) fn seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1000.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 9,007,199,254,740,992"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[path = "service/tests.rs"]
mod tests;
