//! The embedded queue: in process, bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::{Delivery, DeliveryTag, Message};

/// A bounded queue in this process. Clones share it.
#[derive(Debug, Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ready: Mutex<VecDeque<Message>>,
    capacity: usize,
    /// Something was published, or came back.
    arrived: Notify,
    /// Something was taken.
    taken: Notify,
}

/// Takes messages. What it has not acknowledged goes back to the queue's head when it is dropped.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    prefetch: usize,
    in_hand: Mutex<InHand>,
    acknowledged: Notify,
}

#[derive(Debug, Default)]
struct InHand {
    last_tag: u64,
    unacknowledged: BTreeMap<DeliveryTag, Message>,
}

impl Queue {
    /// A queue that holds at most `capacity` messages; publishing waits while it is full.
    pub fn embedded(capacity: usize) -> Self {
        let shared = Shared {
            ready: Mutex::default(),
            capacity: capacity.max(1),
            arrived: Notify::new(),
            taken: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Publishes all messages, in this order; waits for room.
    pub async fn publish(&self, messages: &[Message]) {
        for message in messages {
            loop {
                let taken = self.shared.taken.notified();
                {
                    let mut ready = self.shared.ready();
                    if ready.len() < self.shared.capacity {
                        ready.push_back(*message);
                        break;
                    }
                }
                taken.await;
            }
            self.shared.arrived.notify_one();
        }
    }

    /// How many messages no consumer has taken yet.
    pub fn depth(&self) -> usize {
        self.shared.ready().len()
    }

    /// A consumer that holds at most `prefetch` unacknowledged messages.
    pub fn consume(&self, prefetch: usize) -> Consumer {
        Consumer {
            shared: Arc::clone(&self.shared),
            prefetch: prefetch.max(1),
            in_hand: Mutex::default(),
            acknowledged: Notify::new(),
        }
    }
}

impl Shared {
    fn ready(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.ready
            .lock()
            .expect("nothing panics while it holds the queue")
    }
}

impl Consumer {
    /// The next message, as soon as there is one and the prefetch allows. May be cancelled: a
    /// message that was not returned is not taken.
    pub async fn next(&self) -> Delivery {
        loop {
            let arrived = self.shared.arrived.notified();
            let acknowledged = self.acknowledged.notified();
            if let Some(delivery) = self.try_next() {
                return delivery;
            }
            tokio::select! {
                () = arrived => {}
                () = acknowledged => {}
            }
        }
    }

    /// The next message, if there is one and the prefetch allows.
    pub fn try_next(&self) -> Option<Delivery> {
        let mut in_hand = self.in_hand();
        if in_hand.unacknowledged.len() >= self.prefetch {
            return None;
        }
        let message = self.shared.ready().pop_front()?;
        self.shared.taken.notify_one();
        in_hand.last_tag += 1;
        let tag = DeliveryTag(in_hand.last_tag);
        in_hand.unacknowledged.insert(tag, message);
        Some(Delivery { message, tag })
    }

    /// These messages are done with. A tag that is not in hand is passed over.
    pub fn ack(&self, tags: &[DeliveryTag]) {
        let mut in_hand = self.in_hand();
        for tag in tags {
            in_hand.unacknowledged.remove(tag);
        }
        self.acknowledged.notify_one();
    }

    fn in_hand(&self) -> MutexGuard<'_, InHand> {
        self.in_hand
            .lock()
            .expect("nothing panics while it holds the deliveries")
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let in_hand = std::mem::take(&mut *self.in_hand());
        let mut ready = self.shared.ready();
        for message in in_hand.unacknowledged.into_values().rev() {
            ready.push_front(message);
        }
        drop(ready);
        self.shared.arrived.notify_waiters();
        self.shared.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use ferry_core::id::{RunId, SessionId};

    use super::*;

    fn messages(ids: std::ops::Range<i64>) -> Vec<Message> {
        ids.map(|id| Message {
            run: RunId(1),
            session: SessionId(id),
        })
        .collect()
    }

    #[tokio::test]
    async fn messages_come_in_the_order_of_publishing() {
        let queue = Queue::embedded(10);
        queue.publish(&messages(0..3)).await;
        let consumer = queue.consume(10);
        for expected in messages(0..3) {
            assert_eq!(consumer.next().await.message, expected);
        }
        assert_eq!(queue.depth(), 0);
    }

    #[tokio::test]
    async fn publishing_waits_while_the_queue_is_full() {
        let queue = Queue::embedded(2);
        let publisher = queue.clone();
        let publishing = tokio::spawn(async move { publisher.publish(&messages(0..5)).await });
        let consumer = queue.consume(10);
        for expected in messages(0..5) {
            let delivery = consumer.next().await;
            assert_eq!(delivery.message, expected);
            assert!(queue.depth() <= 2);
        }
        publishing.await.expect("it ends once there is room");
    }

    #[tokio::test]
    async fn a_consumer_holds_no_more_than_its_prefetch() {
        let queue = Queue::embedded(10);
        queue.publish(&messages(0..3)).await;
        let consumer = queue.consume(2);
        let first = consumer.next().await;
        consumer.next().await;
        assert_eq!(consumer.try_next(), None);
        consumer.ack(&[first.tag]);
        assert_eq!(consumer.next().await.message, messages(2..3)[0]);
    }

    #[tokio::test]
    async fn what_a_lost_consumer_had_not_acknowledged_comes_again() {
        let queue = Queue::embedded(10);
        queue.publish(&messages(0..4)).await;
        let lost = queue.consume(10);
        let first = lost.next().await;
        lost.next().await;
        lost.next().await;
        lost.ack(&[first.tag]);
        drop(lost);
        let consumer = queue.consume(10);
        for expected in messages(1..4) {
            assert_eq!(consumer.next().await.message, expected);
        }
    }
}
