//! One life of the consumer's connection, from connecting to the first thing that goes wrong.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use lapin::message::Delivery as Raw;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer as Stream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::counters::add;
use crate::rabbitmq::Broker;
use crate::rabbitmq::frontier::Frontier;
use crate::rabbitmq::inbox::Inbox;
use crate::rabbitmq::letter::{self, Letter};
use crate::rabbitmq::link::{Link, LinkState, OPERATION_TIMEOUT, declare_passively, within};
use crate::{Cause, DeadLetter, Delivery, DeliveryTag, QueueError};

/// What the worker wants.
#[derive(Debug)]
pub(super) enum Order {
    /// These are done with.
    Acknowledge(Vec<DeliveryTag>),
    /// Nobody can use this one.
    Refuse(Delivery, Cause),
}

#[derive(Debug)]
pub(super) struct Subscription {
    broker: Arc<Broker>,
    inbox: Arc<Inbox>,
    number: u64,
    link: Link,
    channel: Channel,
    stream: Stream,
    frontier: Frontier,
    /// Poison on its way to the dead-letter queue, by its tag.
    poison: JoinSet<(u64, Result<(), QueueError>)>,
}

/// Between two round trips that show the broker alive.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// A round trip that takes longer shows it dead or frozen.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
/// A consumer does not publish, so no alarm should block it: a fresh connection will not be.
const LONGEST_BLOCKED: Duration = Duration::from_mins(1);
/// How long leaving may take: a worker that is told to stop has 20 s in all.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The most orders that are looked at before the next acknowledgement.
const ORDERS_AT_ONCE: usize = 256;

impl Subscription {
    pub(super) async fn open(
        broker: Arc<Broker>,
        inbox: Arc<Inbox>,
        number: u64,
        prefetch: u16,
    ) -> Result<Self, QueueError> {
        let link = Link::open(&broker.settings, "consumer").await?;
        if broker.topology.ensure(&link.connection).await? && number > 1 {
            tracing::warn!("the work queue was gone and is made anew");
            broker.next_generation();
        }
        let subscribing = async {
            let channel = link.connection.create_channel().await?;
            channel
                .basic_qos(prefetch, BasicQosOptions::default())
                .await?;
            let (queue, tag) = (broker.topology.work.as_str().into(), "".into());
            let options = BasicConsumeOptions::default();
            let stream = channel.basic_consume(queue, tag, options, FieldTable::default());
            let stream = stream.await?;
            Ok((channel, stream))
        };
        let (channel, stream) = within(OPERATION_TIMEOUT, "subscribing", subscribing)
            .await?
            .map_err(QueueError::Lost)?;
        Ok(Self {
            broker,
            inbox,
            number,
            link,
            channel,
            stream,
            frontier: Frontier::new(prefetch.into()),
            poison: JoinSet::new(),
        })
    }

    /// Works until told to stop; anything else is an error.
    pub(super) async fn run(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        stop: &CancellationToken,
    ) -> Result<(), QueueError> {
        let alarm = over_or_blocked_too_long(self.link.state());
        let probe = probe(
            self.channel.clone(),
            self.broker.topology.work.clone(),
            self.link.state(),
        );
        tokio::select! {
            worked = self.work(orders, stop) => worked,
            error = alarm => Err(error),
            error = probe => Err(error),
        }
    }

    /// Tells the broker all that is known, and leaves. What is left unsaid comes again.
    pub(super) async fn finish(mut self, orders: &mut mpsc::UnboundedReceiver<Order>) {
        let leaving = async {
            while let Ok(order) = orders.try_recv() {
                self.follow(order);
            }
            self.acknowledge_prefix().await?;
            self.acknowledge_singly().await?;
            let cancelling = self
                .channel
                .basic_cancel(self.stream.tag(), BasicCancelOptions::default());
            cancelling.await.map_err(QueueError::Lost)?;
            // A channel that is closed at once after an acknowledgement may lose it: this answer
            // comes after it.
            round_trip(&self.channel, &self.broker.topology.work).await?;
            self.link.close().await;
            Ok::<_, QueueError>(())
        };
        let left = within(LEAVE_TIMEOUT, "leaving", leaving).await;
        if let Err(error) = left.and_then(|left| left) {
            tracing::debug!(%error, "left without saying good-bye; the rest comes again");
        }
    }

    async fn work(
        &mut self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        stop: &CancellationToken,
    ) -> Result<(), QueueError> {
        let mut batch = Vec::with_capacity(ORDERS_AT_ONCE);
        loop {
            let lagging = self.frontier.due();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                received = orders.recv_many(&mut batch, ORDERS_AT_ONCE) => {
                    if received == 0 {
                        return Ok(());
                    }
                    for order in batch.drain(..) {
                        self.follow(order);
                    }
                    self.acknowledge_prefix().await?;
                }
                () = until(lagging) => self.acknowledge_singly().await?,
                Some(moved) = self.poison.join_next() => {
                    if let Ok((tag, moved)) = moved {
                        self.settle_poison(tag, moved).await?;
                    }
                }
                delivery = self.stream.next() => {
                    self.take(delivery)?;
                    // What came with it.
                    while let Some(delivery) = self.stream.next().now_or_never() {
                        self.take(delivery)?;
                    }
                }
            }
        }
    }

    fn take(&mut self, delivery: Option<lapin::Result<Raw>>) -> Result<(), QueueError> {
        let Some(delivery) = delivery else {
            // The queue was deleted, or its leader moved.
            return Err(QueueError::Ended {
                what: "subscription",
            });
        };
        let delivery = delivery.map_err(QueueError::Lost)?;
        let number = delivery.delivery_tag;
        self.frontier.delivered(number);
        add(&self.broker.counters.delivered, 1);
        match letter::read(&delivery.properties, &delivery.data) {
            Ok(message) => {
                let tag = DeliveryTag {
                    subscription: self.number,
                    number,
                };
                self.inbox.put(Delivery { message, tag });
            }
            Err(cause) => self.bury(number, Letter::poison(delivery, cause), cause),
        }
        Ok(())
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Acknowledge(tags) => {
                let now = Instant::now();
                let ours = tags.iter().filter(|tag| tag.subscription == self.number);
                let ours = ours.inspect(|tag| self.frontier.done(tag.number, now));
                add(&self.broker.counters.acknowledged, ours.count());
            }
            Order::Refuse(Delivery { message, tag }, cause) => {
                if tag.subscription == self.number {
                    let message = Some(message);
                    let letter = Letter::dead(DeadLetter { message, cause });
                    self.bury(tag.number, letter, cause);
                }
            }
        }
    }

    /// Moves a message to the dead-letter queue, by the publisher's connection.
    fn bury(&mut self, tag: u64, letter: Letter, cause: Cause) {
        add(&self.broker.counters.poison, 1);
        tracing::warn!(%cause, "a message that nobody can use goes to the dead-letter queue");
        let broker = Arc::clone(&self.broker);
        self.poison
            .spawn(async move { (tag, broker.bury(letter).await) });
    }

    async fn settle_poison(
        &mut self,
        tag: u64,
        buried: Result<(), QueueError>,
    ) -> Result<(), QueueError> {
        if let Err(error) = buried {
            tracing::warn!(%error, "the dead-letter queue takes nothing; the broker keeps the message until it does");
            let options = BasicRejectOptions { requeue: false };
            let rejecting = self.channel.basic_reject(tag, options);
            rejecting.await.map_err(QueueError::Lost)?;
            self.frontier.told(tag);
        } else {
            self.frontier.done(tag, Instant::now());
        }
        self.acknowledge_prefix().await
    }

    async fn acknowledge_prefix(&mut self) -> Result<(), QueueError> {
        match self.frontier.take_prefix() {
            Some(tag) => self.acknowledge(tag, true).await,
            None => Ok(()),
        }
    }

    async fn acknowledge_singly(&mut self) -> Result<(), QueueError> {
        for tag in self.frontier.take_singly() {
            self.acknowledge(tag, false).await?;
        }
        Ok(())
    }

    async fn acknowledge(&self, tag: u64, multiple: bool) -> Result<(), QueueError> {
        let options = BasicAckOptions { multiple };
        let acknowledging = self.channel.basic_ack(tag, options);
        acknowledging.await.map_err(QueueError::Lost)
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Ends when the broker does not answer. While it is blocked it reads no question.
async fn probe(channel: Channel, queue: String, state: watch::Receiver<LinkState>) -> QueueError {
    loop {
        tokio::time::sleep(PROBE_EVERY).await;
        if state.borrow().blocked_since.is_some() {
            continue;
        }
        let answered = within(PROBE_TIMEOUT, "probe", round_trip(&channel, &queue)).await;
        if let Err(error) = answered.and_then(|answered| answered) {
            return error;
        }
    }
}

/// Ends when the connection is over, or blocked for too long.
async fn over_or_blocked_too_long(mut state: watch::Receiver<LinkState>) -> QueueError {
    loop {
        let LinkState {
            blocked_since,
            lost,
        } = *state.borrow_and_update();
        if lost {
            return QueueError::Ended { what: "connection" };
        }
        tokio::select! {
            changed = state.changed() => if changed.is_err() {
                return QueueError::Ended { what: "connection" };
            },
            () = until(blocked_since.map(|since| since + LONGEST_BLOCKED)) => {
                return QueueError::Blocked;
            }
        }
    }
}

/// A question that costs nothing, for the sake of its answer.
async fn round_trip(channel: &Channel, queue: &str) -> Result<(), QueueError> {
    let answered = declare_passively(channel, queue).await;
    answered.map(|_| ()).map_err(QueueError::Lost)
}
