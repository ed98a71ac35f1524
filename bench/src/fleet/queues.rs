//! The queues of one measurement.

use anyhow::Result;
use ferry_queue::{AmqpUrl, Queue, Settings};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Names of queues on a broker. What is declared there is declared by Ferry, so that the bare parts
/// have the same arguments.
pub(crate) struct Queues {
    url: String,
    pub(crate) prefix: String,
}

impl Queues {
    pub(crate) fn new(url: &str, name: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: format!("ferry-bench-{}-{name}", std::process::id()),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ferry's side of them. Declares what is missing.
    pub(crate) async fn queue(&self, window: usize) -> Result<Queue> {
        let mut settings = Settings::new(AmqpUrl::parse(&self.url)?);
        settings.prefix.clone_from(&self.prefix);
        settings.window = window;
        Ok(Queue::connect(settings, &mut StdRng::seed_from_u64(7)).await?)
    }

    /// A connection past Ferry.
    pub(crate) async fn bare(&self) -> Result<Connection> {
        Ok(Connection::connect(&self.url, ConnectionProperties::default()).await?)
    }

    pub(crate) fn exchange(&self) -> String {
        format!("{}.v1", self.prefix)
    }

    pub(crate) fn work(&self) -> String {
        format!("{}.v1.work", self.prefix)
    }

    /// Forgets what is in the work queue.
    pub(crate) async fn purge(&self, channel: &Channel) -> Result<()> {
        let purge = channel.queue_purge(self.work().into(), QueuePurgeOptions::default());
        purge.await?;
        Ok(())
    }

    /// Removes a queue that has the prefix for its name.
    pub(crate) async fn delete_queue(&self) -> Result<()> {
        let connection = self.bare().await?;
        let channel = connection.create_channel().await?;
        let delete =
            channel.queue_delete(self.prefix.as_str().into(), QueueDeleteOptions::default());
        delete.await?;
        connection.close(200, "done".into()).await?;
        Ok(())
    }

    /// Removes everything that Ferry declares.
    pub(crate) async fn delete(&self) -> Result<()> {
        let connection = self.bare().await?;
        let channel = connection.create_channel().await?;
        for queue in [self.work(), format!("{}.dead", self.exchange())] {
            let delete = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
            delete.await?;
        }
        let options = ExchangeDeleteOptions::default();
        channel
            .exchange_delete(self.exchange().into(), options)
            .await?;
        connection.close(200, "done".into()).await?;
        Ok(())
    }
}
