//! What has happened to the queue in this process, for whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters; read at any time. They only grow.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages handed to the queue, repetitions after a refusal included.
    pub published: AtomicU64,
    /// Messages that the queue has taken over.
    pub confirmed: AtomicU64,
    /// Messages that the broker gave back because no queue wants them.
    pub returned: AtomicU64,
    /// Messages that the broker refused for the moment: its queue is full.
    pub refused: AtomicU64,
    /// Messages that came to a consumer.
    pub delivered: AtomicU64,
    /// Messages that a consumer has acknowledged.
    pub acknowledged: AtomicU64,
    /// Messages that a consumer could not use.
    pub poison: AtomicU64,
    /// Dead letters that were not mirrored, because the broker was too slow or away.
    pub mirror_missed: AtomicU64,
    /// Connections of the publisher that were built anew.
    pub publisher_rebuilt: AtomicU64,
    /// Subscriptions that were built anew.
    pub consumer_rebuilt: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, how_many: usize) {
    counter.fetch_add(how_many as u64, Ordering::Relaxed);
}
