//! The doorbell: ids of due sessions on their way to a worker.
//!
//! A message carries ids and nothing else, so a queue that is lost loses nothing: the dispatcher
//! publishes again. A message may come twice: the claim decides.
//!
//! [`Queue`] is one type with two places behind it: in this process, for one machine, or
//! `RabbitMQ`, for any number of them. Both have the same verbs and pass the same tests.
//!
//! | module | what it knows |
//! |---|---|
//! | `queue`, `consumer` | the verbs, wherever the queue is |
//! | `embedded` | the queue in this process |
//! | `rabbitmq` | AMQP, and it alone: topology, publisher, consumer, their connections |

mod consumer;
mod counters;
mod dead_letter;
mod embedded;
mod error;
mod queue;
mod rabbitmq;

use ferry_core::id::{RunId, SessionId};

pub use consumer::Consumer;
pub use counters::Counters;
pub use dead_letter::{Cause, DeadLetter, DeadWalk, Foreign, FoundLetter};
pub use error::QueueError;
pub use queue::Queue;
pub use rabbitmq::inspect::Inspection;
pub use rabbitmq::settings::Settings;
pub use rabbitmq::url::AmqpUrl;

/// "This session is due."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// Its run.
    pub run: RunId,
    /// The session.
    pub session: SessionId,
}

/// A message in a worker's hands until it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// What was published.
    pub message: Message,
    /// What [`Consumer::ack`] names.
    pub tag: DeliveryTag,
}

/// Names a delivery within its consumer, over all connections that the consumer has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryTag {
    /// Which subscription brought it. What an earlier one brought comes again by itself.
    pub(crate) subscription: u64,
    /// Its place in that subscription, from 1.
    pub(crate) number: u64,
}
