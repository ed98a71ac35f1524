//! One way through the dead-letter queue.

use std::sync::Arc;

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicGetOptions};

use crate::rabbitmq::Broker;
use crate::rabbitmq::letter::{read_dead, read_foreign};
use crate::rabbitmq::link::{Link, OPERATION_TIMEOUT, declare_passively};
use crate::{FoundLetter, QueueError};

/// From the head of the queue to what was its end at the beginning: what is published meanwhile lies
/// behind that. What was found and not removed is ready again when the channel is gone.
#[derive(Debug)]
pub(crate) struct DeadWalk {
    broker: Arc<Broker>,
    link: Arc<Link>,
    channel: Channel,
    /// How many are ahead.
    left: usize,
    /// The last one that was found and not removed.
    last: Option<u64>,
}

impl Broker {
    /// Begins at the head.
    pub(crate) async fn walk_dead(self: &Arc<Self>) -> Result<DeadWalk, QueueError> {
        let link = self.link().await?;
        let opening = async {
            let channel = link.connection.create_channel().await?;
            let left = declare_passively(&channel, &self.topology.dead).await?;
            Ok((channel, left))
        };
        let opened = link
            .patiently(OPERATION_TIMEOUT, "looking at the dead letters", opening)
            .await;
        match opened {
            Ok((channel, left)) => Ok(DeadWalk {
                broker: Arc::clone(self),
                link,
                channel,
                left,
                last: None,
            }),
            Err(error) => Err(self.judge(error, &link, &self.topology.dead).await),
        }
    }
}

impl DeadWalk {
    /// The next letters.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Vec<FoundLetter>, QueueError> {
        let mut found = Vec::with_capacity(limit.min(self.left));
        while found.len() < limit && self.left > 0 {
            let queue = self.broker.topology.dead.as_str().into();
            let getting = self.channel.basic_get(queue, BasicGetOptions::default());
            let got = self
                .link
                .patiently(OPERATION_TIMEOUT, "taking a dead letter", getting)
                .await;
            let got = match got {
                Ok(got) => got,
                Err(error) => return Err(self.judge(error).await),
            };
            let Some(got) = got else {
                self.left = 0;
                break;
            };
            self.left -= 1;
            self.last = Some(got.delivery_tag);
            let letter = read_dead(&got.properties, &got.data);
            let foreign = letter
                .message
                .is_none()
                .then(|| read_foreign(&got.properties, &got.data));
            found.push(FoundLetter { letter, foreign });
        }
        Ok(found)
    }

    /// They are gone from the broker once this returns: its answer to the question that follows the
    /// acknowledgement comes after it.
    pub(crate) async fn remove(&mut self) -> Result<(), QueueError> {
        let Some(last) = self.last.take() else {
            return Ok(());
        };
        let removing = async {
            let all = BasicAckOptions { multiple: true };
            self.channel.basic_ack(last, all).await?;
            declare_passively(&self.channel, &self.broker.topology.dead).await
        };
        let removed = self
            .link
            .patiently(OPERATION_TIMEOUT, "taking dead letters out", removing)
            .await;
        match removed {
            Ok(_) => Ok(()),
            Err(error) => Err(self.judge(error).await),
        }
    }

    /// Lets go of what was not removed.
    pub(crate) async fn close(self) -> Result<(), QueueError> {
        let closing = self.channel.close(200, "done".into());
        let closed = self
            .link
            .patiently(OPERATION_TIMEOUT, "leaving the dead letters", closing)
            .await;
        match closed {
            Ok(()) => Ok(()),
            Err(error) => Err(self.judge(error).await),
        }
    }

    async fn judge(&self, error: QueueError) -> QueueError {
        let dead = &self.broker.topology.dead;
        self.broker.judge(error, &self.link, dead).await
    }
}
