//! The verbs of a consumer, wherever its queue is.

use crate::rabbitmq::consumer as rabbitmq;
use crate::{Cause, Delivery, DeliveryTag, embedded};

/// Takes messages. What it has not acknowledged comes again, to it or to another one, when it is
/// dropped or its connection breaks.
#[derive(Debug)]
pub struct Consumer {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Embedded(embedded::Consumer),
    RabbitMq(rabbitmq::Consumer),
}

impl Consumer {
    pub(crate) fn embedded(consumer: embedded::Consumer) -> Self {
        Self {
            place: Place::Embedded(consumer),
        }
    }

    pub(crate) fn rabbitmq(consumer: rabbitmq::Consumer) -> Self {
        Self {
            place: Place::RabbitMq(consumer),
        }
    }

    /// The next message, as soon as there is one and the prefetch allows. While there is no
    /// connection it waits. May be cancelled: a message that was not returned is not taken.
    pub async fn next(&self) -> Delivery {
        match &self.place {
            Place::Embedded(consumer) => consumer.next().await,
            Place::RabbitMq(consumer) => consumer.next().await,
        }
    }

    /// The next message, if there is one at hand and the prefetch allows.
    pub fn try_next(&self) -> Option<Delivery> {
        match &self.place {
            Place::Embedded(consumer) => consumer.try_next(),
            Place::RabbitMq(consumer) => consumer.try_next(),
        }
    }

    /// These messages are done with. A tag that is not in hand, because its connection is gone,
    /// is passed over: its message comes again.
    pub fn ack(&self, tags: &[DeliveryTag]) {
        match &self.place {
            Place::Embedded(consumer) => consumer.ack(tags),
            Place::RabbitMq(consumer) => consumer.ack(tags),
        }
    }

    /// Moves a message to the dead-letter queue: nobody can use it.
    pub fn refuse(&self, delivery: Delivery, cause: Cause) {
        match &self.place {
            Place::Embedded(consumer) => consumer.refuse(delivery, cause),
            Place::RabbitMq(consumer) => consumer.refuse(delivery, cause),
        }
    }

    /// Whether messages can come. While it is false, a new subscription is being tried.
    pub fn is_subscribed(&self) -> bool {
        match &self.place {
            Place::Embedded(_) => true,
            Place::RabbitMq(consumer) => consumer.is_subscribed(),
        }
    }

    /// Sends the acknowledgements that are still to be sent, and gives the rest back.
    pub async fn close(self) {
        match self.place {
            Place::Embedded(consumer) => drop(consumer),
            Place::RabbitMq(consumer) => consumer.close().await,
        }
    }
}
