//! The embedded queue: in process, bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::counters::{Counters, add};
use crate::{Cause, DeadLetter, Delivery, DeliveryTag, FoundLetter, Message};

/// A bounded queue in this process. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ready: Mutex<VecDeque<Message>>,
    dead: Mutex<VecDeque<DeadLetter>>,
    counters: Counters,
    capacity: usize,
    /// Something was published, or came back.
    arrived: Notify,
    /// Something was taken.
    taken: Notify,
}

/// Takes messages. What it has not acknowledged goes back to the queue's head when it is dropped.
#[derive(Debug)]
pub(crate) struct Consumer {
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

/// One way through the dead letters. What it has found and not removed goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct DeadWalk {
    shared: Arc<Shared>,
    /// How many are ahead.
    left: usize,
    found: Vec<DeadLetter>,
}

impl Queue {
    /// A queue that holds at most `capacity` messages; publishing waits while it is full.
    pub(crate) fn new(capacity: usize) -> Self {
        let shared = Shared {
            ready: Mutex::default(),
            dead: Mutex::default(),
            counters: Counters::default(),
            capacity: capacity.max(1),
            arrived: Notify::new(),
            taken: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Publishes all messages, in this order; waits for room.
    pub(crate) async fn publish(&self, messages: &[Message]) {
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
            add(&self.shared.counters.published, 1);
            add(&self.shared.counters.confirmed, 1);
            self.shared.arrived.notify_one();
        }
    }

    /// Keeps the newest, as many as the capacity: nobody looks at them from outside.
    pub(crate) fn publish_dead(&self, letters: &[DeadLetter]) {
        self.shared.keep_dead(letters);
    }

    /// How many dead letters are kept.
    pub(crate) fn count_dead(&self) -> usize {
        self.shared.dead().len()
    }

    /// From the oldest to what is the newest now.
    pub(crate) fn walk_dead(&self) -> DeadWalk {
        DeadWalk {
            left: self.count_dead(),
            shared: Arc::clone(&self.shared),
            found: Vec::new(),
        }
    }

    /// What has happened.
    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// How many messages no consumer has taken yet.
    pub(crate) fn depth(&self) -> usize {
        self.shared.ready().len()
    }

    /// A consumer that holds at most `prefetch` unacknowledged messages.
    pub(crate) fn consume(&self, prefetch: usize) -> Consumer {
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

    fn dead(&self) -> MutexGuard<'_, VecDeque<DeadLetter>> {
        self.dead
            .lock()
            .expect("nothing panics while it holds the dead letters")
    }

    fn keep_dead(&self, letters: &[DeadLetter]) {
        let mut dead = self.dead();
        dead.extend(letters);
        let too_many = dead.len().saturating_sub(self.capacity);
        dead.drain(..too_many);
    }
}

impl DeadWalk {
    /// The next letters, at most `limit`.
    pub(crate) fn next(&mut self, limit: usize) -> Vec<FoundLetter> {
        let mut dead = self.shared.dead();
        let taken = limit.min(self.left).min(dead.len());
        self.left -= taken;
        let letters: Vec<_> = dead.drain(..taken).collect();
        drop(dead);
        self.found.extend(&letters);
        let found = |letter| FoundLetter {
            letter,
            foreign: None,
        };
        letters.into_iter().map(found).collect()
    }

    /// What was found so far is gone.
    pub(crate) fn remove(&mut self) {
        self.found.clear();
    }
}

impl Drop for DeadWalk {
    fn drop(&mut self) {
        let mut dead = self.shared.dead();
        for letter in self.found.drain(..).rev() {
            dead.push_front(letter);
        }
    }
}

impl Consumer {
    /// The next message, as soon as there is one and the prefetch allows. May be cancelled: a
    /// message that was not returned is not taken.
    pub(crate) async fn next(&self) -> Delivery {
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
    pub(crate) fn try_next(&self) -> Option<Delivery> {
        let mut in_hand = self.in_hand();
        if in_hand.unacknowledged.len() >= self.prefetch {
            return None;
        }
        let message = self.shared.ready().pop_front()?;
        self.shared.taken.notify_one();
        in_hand.last_tag += 1;
        let tag = DeliveryTag {
            subscription: 0,
            number: in_hand.last_tag,
        };
        in_hand.unacknowledged.insert(tag, message);
        add(&self.shared.counters.delivered, 1);
        Some(Delivery { message, tag })
    }

    /// These messages are done with. A tag that is not in hand is passed over.
    pub(crate) fn ack(&self, tags: &[DeliveryTag]) {
        let mut in_hand = self.in_hand();
        for tag in tags {
            let known = in_hand.unacknowledged.remove(tag).is_some();
            add(&self.shared.counters.acknowledged, usize::from(known));
        }
        self.acknowledged.notify_one();
    }

    /// Moves a message to the dead letters.
    pub(crate) fn refuse(&self, delivery: Delivery, cause: Cause) {
        add(&self.shared.counters.poison, 1);
        let message = Some(delivery.message);
        self.shared.keep_dead(&[DeadLetter { message, cause }]);
        self.ack(&[delivery.tag]);
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
