//! The doorbell: ids of due sessions on their way to a worker.
//!
//! A message carries ids and nothing else, so a queue that is lost loses nothing: the dispatcher
//! publishes again. A message may come twice: the claim decides.
//!
//! Today there is the embedded queue, in process and bounded; it has the verbs that a broker has.

mod embedded;

use ferry_core::id::{RunId, SessionId};

pub use embedded::{Consumer, Queue};

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

/// Names a delivery within its consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryTag(pub u64);
