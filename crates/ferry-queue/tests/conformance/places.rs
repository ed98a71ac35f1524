//! Where a queue can be.

use ferry_queue::Queue;
use ferry_testbed::{SharedBroker, shared_broker};

use crate::support::{Raw, on_broker};

/// More than any case publishes.
const CAPACITY: usize = 10_000;

/// A fresh, empty queue.
pub(crate) struct Place {
    pub(crate) queue: Queue,
    broker: Option<(SharedBroker, Raw)>,
}

pub(crate) async fn embedded() -> Place {
    Place {
        queue: Queue::embedded(CAPACITY),
        broker: None,
    }
}

pub(crate) async fn rabbitmq() -> Place {
    let broker = shared_broker()
        .await
        .unwrap_or_else(|none| panic!("{none}"));
    let (queue, raw) = on_broker(&broker.url).await;
    Place {
        queue,
        broker: Some((broker, raw)),
    }
}

impl Place {
    pub(crate) async fn clean_up(self) {
        self.queue.close().await;
        if let Some((_broker, raw)) = self.broker {
            raw.clean_up().await;
        }
    }
}
