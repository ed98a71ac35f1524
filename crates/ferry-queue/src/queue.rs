//! The verbs of a queue, wherever it is.

use std::sync::Arc;

use rand::Rng;

use crate::consumer::Consumer;
use crate::rabbitmq::Broker;
use crate::{Counters, DeadLetter, DeadWalk, Inspection, Message, QueueError, Settings, embedded};

/// The queue of due sessions, and the dead-letter queue beside it. Clones share it.
#[derive(Debug, Clone)]
pub struct Queue {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Embedded(embedded::Queue),
    RabbitMq(Arc<Broker>),
}

impl Queue {
    /// A queue in this process, that holds at most `capacity` messages; publishing waits while it
    /// is full.
    pub fn embedded(capacity: usize) -> Self {
        Self {
            place: Place::Embedded(embedded::Queue::new(capacity)),
        }
    }

    /// The queue on a broker, declared if it is not there. `rng` spreads the pauses between
    /// attempts to connect.
    pub async fn connect(settings: Settings, rng: &mut impl Rng) -> Result<Self, QueueError> {
        let broker = Broker::connect(settings, rng).await?;
        Ok(Self {
            place: Place::RabbitMq(broker),
        })
    }

    /// What is found on a broker. Declares nothing, and leaves no message behind.
    pub async fn inspect(settings: &Settings) -> Result<Inspection, QueueError> {
        crate::rabbitmq::inspect::inspect(settings).await
    }

    /// Publishes all messages; returns when the queue has taken over each of them. Waits while
    /// the queue is full or the broker blocked. After an error any of them may have arrived.
    ///
    /// May be cancelled, with the same uncertainty.
    pub async fn publish(&self, messages: &[Message]) -> Result<(), QueueError> {
        match &self.place {
            Place::Embedded(queue) => {
                queue.publish(messages).await;
                Ok(())
            }
            Place::RabbitMq(broker) => broker.publish(messages).await,
        }
    }

    /// How many messages no consumer has taken yet. Waits while the broker is blocked.
    pub async fn depth(&self) -> Result<usize, QueueError> {
        match &self.place {
            Place::Embedded(queue) => Ok(queue.depth()),
            Place::RabbitMq(broker) => broker.depth().await,
        }
    }

    /// A consumer that holds at most `prefetch` unacknowledged messages (RabbitMQ: 65,535 at the
    /// most). An error is about the first connection; later ones are built anew by themselves.
    pub async fn consume(&self, prefetch: usize) -> Result<Consumer, QueueError> {
        match &self.place {
            Place::Embedded(queue) => Ok(Consumer::embedded(queue.consume(prefetch))),
            Place::RabbitMq(broker) => broker.consume(prefetch).await.map(Consumer::rabbitmq),
        }
    }

    /// Changes whenever messages may have been lost with a queue or a connection: then the
    /// dispatcher starts again from the head.
    pub fn generation(&self) -> u64 {
        match &self.place {
            Place::Embedded(_) => 0,
            Place::RabbitMq(broker) => broker.generation(),
        }
    }

    /// Puts dead letters into the dead-letter queue. The embedded one keeps the newest, as many
    /// as the queue's capacity.
    pub async fn publish_dead(&self, letters: &[DeadLetter]) -> Result<(), QueueError> {
        match &self.place {
            Place::Embedded(queue) => {
                queue.publish_dead(letters);
                Ok(())
            }
            Place::RabbitMq(broker) => broker.publish_dead(letters).await,
        }
    }

    /// Puts dead letters into the dead-letter queue in the background. Best effort: what does not
    /// get there is counted, and the ledger has it.
    pub fn mirror_dead(&self, letters: Vec<DeadLetter>) {
        match &self.place {
            Place::Embedded(queue) => queue.publish_dead(&letters),
            Place::RabbitMq(broker) => broker.mirror_dead(letters),
        }
    }

    /// How many letters lie in the dead-letter queue.
    pub async fn count_dead(&self) -> Result<usize, QueueError> {
        match &self.place {
            Place::Embedded(queue) => Ok(queue.count_dead()),
            Place::RabbitMq(broker) => broker.count_dead().await,
        }
    }

    /// Walks once through the dead-letter queue.
    pub async fn walk_dead(&self) -> Result<DeadWalk, QueueError> {
        match &self.place {
            Place::Embedded(queue) => Ok(DeadWalk::embedded(queue.walk_dead())),
            Place::RabbitMq(broker) => broker.walk_dead().await.map(DeadWalk::rabbitmq),
        }
    }

    /// Takes at most `limit` letters out of the dead-letter queue, the oldest first; none when it
    /// is empty.
    pub async fn drain_dead(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut walk = self.walk_dead().await?;
        let found = walk.next(limit).await?;
        walk.remove().await?;
        walk.close().await?;
        Ok(found.into_iter().map(|found| found.letter).collect())
    }

    /// Whether the queue could take a message now. Answers within seconds.
    pub async fn health(&self) -> Result<(), QueueError> {
        match &self.place {
            Place::Embedded(_) => Ok(()),
            Place::RabbitMq(broker) => broker.health().await,
        }
    }

    /// Whether the broker has told the publisher to stop, for want of memory or disk.
    pub fn is_blocked(&self) -> bool {
        match &self.place {
            Place::Embedded(_) => false,
            Place::RabbitMq(broker) => broker.is_blocked(),
        }
    }

    /// What has happened so far in this process.
    pub fn counters(&self) -> &Counters {
        match &self.place {
            Place::Embedded(queue) => queue.counters(),
            Place::RabbitMq(broker) => &broker.counters,
        }
    }

    /// Closes the publisher's connection. Consumers have their own.
    pub async fn close(&self) {
        if let Place::RabbitMq(broker) = &self.place {
            broker.close().await;
        }
    }
}
