//! The broker past the queue.

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Channel, Connection, ConnectionProperties};

/// A connection that knows the names under one prefix.
pub(crate) struct Raw {
    connection: Connection,
    pub(crate) exchange: String,
}

impl Raw {
    pub(crate) async fn connect(url: &str, prefix: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default()).await;
        Self {
            connection: connection.expect("the broker takes us"),
            exchange: format!("{prefix}.v1"),
        }
    }

    /// The full name of the work or dead-letter queue.
    pub(crate) fn name(&self, queue: &str) -> String {
        format!("{}.{queue}", self.exchange)
    }

    pub(crate) async fn channel(&self) -> Channel {
        self.connection.create_channel().await.expect("a channel")
    }

    pub(crate) async fn delete(&self, queue: &str) {
        let channel = self.channel().await;
        let deleting = channel.queue_delete(self.name(queue).into(), QueueDeleteOptions::default());
        deleting.await.expect("it can be deleted");
    }

    /// Leaves nothing behind.
    pub(crate) async fn clean_up(&self) {
        for queue in ["work", "dead"] {
            self.delete(queue).await;
        }
        let channel = self.channel().await;
        let exchange = self.exchange.as_str().into();
        let deleting = channel.exchange_delete(exchange, ExchangeDeleteOptions::default());
        deleting.await.expect("it can be deleted");
    }
}
