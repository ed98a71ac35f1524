//! Publishing: rounds of a window each, again while the broker refuses.

use std::sync::Arc;
use std::time::Duration;

use lapin::Channel;
use lapin::options::ConfirmSelectOptions;

use crate::rabbitmq::Broker;
use crate::rabbitmq::backoff::Backoff;
use crate::rabbitmq::letter::Letter;
use crate::rabbitmq::link::{Link, OPERATION_TIMEOUT};
use crate::rabbitmq::window::{Round, Window};
use crate::{Message, QueueError};

/// While the queue is full the refused are tried again after a wait that grows between these.
const REFUSED_FIRST: Duration = Duration::from_millis(100);
const REFUSED_LAST: Duration = Duration::from_secs(2);

impl Broker {
    /// Publishes messages to the work queue.
    pub(crate) async fn publish(&self, messages: &[Message]) -> Result<(), QueueError> {
        let letters: Vec<_> = messages.iter().copied().map(Letter::due).collect();
        self.send(&letters).await
    }

    /// Returns when the broker has taken over every letter. Between two rounds others have a turn:
    /// dead letters do not wait for room in the work queue.
    pub(super) async fn send(&self, letters: &[Letter]) -> Result<(), QueueError> {
        let mut left: Vec<&Letter> = letters.iter().collect();
        let mut backoff = Backoff::new(REFUSED_FIRST, REFUSED_LAST, self.fork_rng());
        while !left.is_empty() {
            let round = self.round(&left).await?;
            if round.returned_count > 0 {
                return Err(QueueError::Unroutable {
                    exchange: self.topology.exchange.clone(),
                    returned: round.returned,
                });
            }
            left = round.refused.iter().map(|index| left[*index]).collect();
            if !left.is_empty() {
                let wait = backoff.wait();
                tracing::debug!(messages = left.len(), retry_in = ?wait, "the queue is full");
                tokio::time::sleep(wait).await;
            }
        }
        Ok(())
    }

    /// Publishes each letter once.
    ///
    /// The channel is put back only after a round that was answered in full: after an error, or
    /// when this future is dropped, it goes, and stray answers with it.
    async fn round(&self, letters: &[&Letter]) -> Result<Round, QueueError> {
        let mut slot = self.publishing.lock().await;
        let link = self.link().await?;
        let at_hand = slot.take().filter(|channel| channel.status().connected());
        let channel = match at_hand {
            Some(channel) => channel,
            None => self.confirming_channel(&link).await?,
        };
        let window = Window {
            link: &link,
            channel: &channel,
            exchange: self.topology.exchange.as_str().into(),
            size: self.settings.window.max(1),
            confirm_timeout: self.settings.confirm_timeout,
            counters: &self.counters,
        };
        match window.publish(letters).await {
            Ok(round) => {
                *slot = Some(channel);
                Ok(round)
            }
            Err(error) => Err(self.judge(error, &link, &self.topology.exchange).await),
        }
    }

    async fn confirming_channel(&self, link: &Arc<Link>) -> Result<Channel, QueueError> {
        let opening = async {
            let channel = link.connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            Ok(channel)
        };
        let opened = link
            .patiently(OPERATION_TIMEOUT, "opening a channel", opening)
            .await;
        match opened {
            Ok(channel) => Ok(channel),
            Err(error) => Err(self.judge(error, link, &self.topology.exchange).await),
        }
    }
}
