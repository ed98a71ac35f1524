//! Deliveries that have come and that nobody has taken yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::Delivery;

/// What the supervisor puts in and the worker takes out. The prefetch bounds it.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    deliveries: Mutex<VecDeque<Delivery>>,
    arrived: Notify,
    subscribed: AtomicBool,
}

impl Inbox {
    pub(super) fn put(&self, delivery: Delivery) {
        self.deliveries().push_back(delivery);
        self.arrived.notify_one();
    }

    /// The subscription is over: all of it comes again.
    pub(super) fn close(&self) {
        self.subscribed.store(false, Ordering::Release);
        self.deliveries().clear();
    }

    /// There is a subscription.
    pub(super) fn open(&self) {
        self.subscribed.store(true, Ordering::Release);
    }

    pub(super) fn is_open(&self) -> bool {
        self.subscribed.load(Ordering::Acquire)
    }

    pub(super) fn try_next(&self) -> Option<Delivery> {
        self.deliveries().pop_front()
    }

    pub(super) async fn next(&self) -> Delivery {
        loop {
            let arrived = self.arrived.notified();
            if let Some(delivery) = self.try_next() {
                // Whoever else waits is told of what is left.
                self.arrived.notify_one();
                return delivery;
            }
            arrived.await;
        }
    }

    fn deliveries(&self) -> MutexGuard<'_, VecDeque<Delivery>> {
        self.deliveries
            .lock()
            .expect("nothing panics while it holds the deliveries")
    }
}
