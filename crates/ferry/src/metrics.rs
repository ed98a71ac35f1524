//! `GET /metrics`: what this process counts of itself, and what the ledger tells of all.

mod observer;
mod reading;
mod service;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferry_metrics::{Counts, Instance};
use ferry_queue::Queue;
use ferry_worker::Tools;

pub(crate) use observer::Told;
pub(crate) use service::Service;

/// What a scrape gets.
pub(crate) struct Metrics {
    instance: Arc<Instance>,
    counts: Box<dyn Fn() -> Counts + Send + Sync>,
    service: Arc<Service>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The metrics of this process, all at 0.
pub(crate) fn instance() -> Arc<Instance> {
    Arc::new(Instance::new(env!("CARGO_PKG_VERSION")))
}

impl Metrics {
    /// Of a process that works with these tools.
    pub(crate) fn of_worker(
        instance: Arc<Instance>,
        tools: Tools,
        queue: Queue,
        service: Arc<Service>,
    ) -> Self {
        Self {
            instance,
            counts: Box::new(move || counts(&tools, &queue)),
            service,
        }
    }

    /// Of a process that only looks.
    pub(crate) fn of_service(service: Arc<Service>) -> Self {
        Self {
            instance: instance(),
            counts: Box::new(Counts::default),
            service,
        }
    }

    /// Everything as it is known now; waits for nothing. In Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let mut text = self.instance.text(&(self.counts)());
        if let Some(service) = self.service.text() {
            text.push_str(&service);
        }
        text
    }
}

/// What is counted by others.
fn counts(tools: &Tools, queue: &Queue) -> Counts {
    let (tally, counters) = (&tools.tally, queue.counters());
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Counts {
        in_flight: tally.in_flight.load(Ordering::Relaxed),
        concurrency: tools.settings.concurrency,
        leases_lost: read(&tally.fenced_out),
        revoked: read(&tally.swept),
        sweep_failures: read(&tally.looks_failed),
        breaker: Some(tools.breaker.state()),
        published: read(&counters.published),
        confirmed: read(&counters.confirmed),
        returned: read(&counters.returned),
        refused: read(&counters.refused),
        delivered: read(&counters.delivered),
        acknowledged: read(&counters.acknowledged),
        poison: read(&counters.poison),
        mirror_missed: read(&counters.mirror_missed),
        publisher_rebuilt: read(&counters.publisher_rebuilt),
        consumer_rebuilt: read(&counters.consumer_rebuilt),
        is_blocked: queue.is_blocked(),
    }
}
