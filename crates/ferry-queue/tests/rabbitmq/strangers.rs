//! What operators and strangers do to a broker.

use lapin::options::{BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};

use crate::support::Raw;

impl Raw {
    /// Declares a queue of our name as somebody else would.
    pub(crate) async fn declare_otherwise(&self, queue: &str) {
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(10));
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let channel = self.channel().await;
        let declaring = channel.queue_declare(self.name(queue).into(), options, arguments);
        declaring.await.expect("there is none of this name");
    }

    pub(crate) async fn bind(&self, channel: &Channel, queue: &str) {
        let binding = channel.queue_bind(
            self.name(queue).into(),
            self.exchange.as_str().into(),
            queue.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        binding.await.expect("it can be bound");
    }

    pub(crate) async fn unbind(&self, channel: &Channel, queue: &str) {
        let unbinding = channel.queue_unbind(
            self.name(queue).into(),
            self.exchange.as_str().into(),
            queue.into(),
            FieldTable::default(),
        );
        unbinding.await.expect("it can be unbound");
    }

    /// Puts something of somebody's into the work queue.
    pub(crate) async fn publish(&self, kind: Option<&str>, body: &[u8]) {
        let mut properties = BasicProperties::default();
        if let Some(kind) = kind {
            properties = properties.with_type(kind.into());
        }
        let channel = self.channel().await;
        let publishing = channel.basic_publish(
            self.exchange.as_str().into(),
            "work".into(),
            BasicPublishOptions::default(),
            body,
            properties,
        );
        publishing.await.expect("it can be published");
        // On the same channel, so the message has arrived.
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let name = self.name("work").into();
        let looking = channel.queue_declare(name, options, FieldTable::default());
        looking.await.expect("the queue is there");
    }
}
