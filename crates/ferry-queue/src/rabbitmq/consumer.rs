//! The consumer, and its supervisor: whatever happens to a subscription, the next one is opened.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::counters::add;
use crate::rabbitmq::Broker;
use crate::rabbitmq::backoff::Backoff;
use crate::rabbitmq::inbox::Inbox;
use crate::rabbitmq::subscription::{Order, Subscription};
use crate::{Cause, Delivery, DeliveryTag, QueueError};

/// Takes messages, over as many connections as it needs, one after the other.
#[derive(Debug)]
pub(crate) struct Consumer {
    inbox: Arc<Inbox>,
    orders: mpsc::UnboundedSender<Order>,
    stop: CancellationToken,
    supervising: Option<JoinHandle<()>>,
}

/// Waits between two attempts to subscribe grow from here …
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// … to here: work goes on soon after the broker does.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// A subscription that lived so long was a good one.
const LIVED: Duration = Duration::from_secs(10);
/// AMQP counts a prefetch in 16 bits, and 0 means no limit.
const LARGEST_PREFETCH: usize = 65_535;

struct Supervisor {
    broker: Arc<Broker>,
    inbox: Arc<Inbox>,
    orders: mpsc::UnboundedReceiver<Order>,
    stop: CancellationToken,
    prefetch: u16,
    backoff: Backoff,
}

impl Consumer {
    /// Subscribes; from then on by itself.
    pub(super) async fn subscribe(
        broker: Arc<Broker>,
        prefetch: usize,
    ) -> Result<Self, QueueError> {
        let prefetch = u16::try_from(prefetch.clamp(1, LARGEST_PREFETCH)).unwrap_or(u16::MAX);
        let inbox = Arc::<Inbox>::default();
        let first = Subscription::open(Arc::clone(&broker), Arc::clone(&inbox), 1, prefetch);
        let first = first.await?;
        inbox.open();
        let (sender, orders) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let supervisor = Supervisor {
            backoff: Backoff::new(FIRST_WAIT, LAST_WAIT, broker.fork_rng()),
            broker,
            inbox: Arc::clone(&inbox),
            orders,
            stop: stop.clone(),
            prefetch,
        };
        Ok(Self {
            inbox,
            orders: sender,
            stop,
            supervising: Some(tokio::spawn(supervisor.run(first))),
        })
    }

    pub(crate) async fn next(&self) -> Delivery {
        self.inbox.next().await
    }

    pub(crate) fn try_next(&self) -> Option<Delivery> {
        self.inbox.try_next()
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.inbox.is_open()
    }

    pub(crate) fn ack(&self, tags: &[DeliveryTag]) {
        self.order(Order::Acknowledge(tags.to_vec()));
    }

    pub(crate) fn refuse(&self, delivery: Delivery, cause: Cause) {
        self.order(Order::Refuse(delivery, cause));
    }

    pub(crate) async fn close(mut self) {
        self.stop.cancel();
        if let Some(supervising) = self.supervising.take() {
            let _ = supervising.await;
        }
    }

    fn order(&self, order: Order) {
        // The supervisor ends with this consumer, or with the runtime.
        let _ = self.orders.send(order);
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Supervisor {
    async fn run(mut self, first: Subscription) {
        let (mut number, mut subscription) = (1, first);
        loop {
            self.inbox.open();
            let began = Instant::now();
            let Err(error) = subscription.run(&mut self.orders, &self.stop).await else {
                subscription.finish(&mut self.orders).await;
                return;
            };
            self.inbox.close();
            drop(subscription);
            if began.elapsed() >= LIVED {
                self.backoff.reset();
            }
            number += 1;
            let Some(next) = self.subscribe_again(number, error).await else {
                return;
            };
            subscription = next;
            add(&self.broker.counters.consumer_rebuilt, 1);
            tracing::info!("subscribed again");
        }
    }

    /// Tries until it succeeds. `None`: told to stop.
    async fn subscribe_again(&mut self, number: u64, error: QueueError) -> Option<Subscription> {
        let mut error = error;
        loop {
            let wait = self.backoff.wait();
            tracing::warn!(%error, retry_in = ?wait, "no messages come; subscribing again");
            let opening = async {
                tokio::time::sleep(wait).await;
                let (broker, inbox) = (Arc::clone(&self.broker), Arc::clone(&self.inbox));
                Subscription::open(broker, inbox, number, self.prefetch).await
            };
            tokio::select! {
                () = self.stop.cancelled() => return None,
                opened = opening => match opened {
                    Ok(subscription) => return Some(subscription),
                    Err(again) => error = again,
                }
            }
        }
    }
}
