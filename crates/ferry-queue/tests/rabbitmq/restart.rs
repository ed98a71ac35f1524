//! SIGKILL while publishing and consuming.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferry_queue::{Message, Queue};
use ferry_testbed::rabbitmq::PrivateBroker;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::support::{LONG, messages, next, on_broker, take, until};
use crate::{count, private};

/// Work is to go on so soon after the broker does.
const BACK_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_loses_nothing_that_it_confirmed() {
    let mut broker = private("", "");
    all_that_was_confirmed_while_the_broker_was_killed_is_there(&mut broker).await;
    a_consumer_is_back_soon_after_its_broker(&mut broker).await;
    a_broker_without_its_data_is_made_ready_again(&mut broker).await;
}

/// A broker that is killed within half a second of declaring a quorum queue forgets where its log
/// is (3.10.8 writes its directory of logs with that delay), and the queue never gets a leader.
const QUEUE_IS_KNOWN_AFTER: Duration = Duration::from_secs(2);

async fn on_settled_broker(url: &str) -> Queue {
    let (queue, _) = on_broker(url).await;
    tokio::time::sleep(QUEUE_IS_KNOWN_AFTER).await;
    queue
}

/// What has been confirmed so far, and a call at each change.
#[derive(Default)]
struct Confirmed {
    messages: Mutex<HashSet<Message>>,
    more: Notify,
}

impl Confirmed {
    fn count(&self) -> usize {
        self.messages.lock().expect("no panic").len()
    }

    async fn until(&self, how_many: usize) {
        let waiting = async {
            while self.count() < how_many {
                self.more.notified().await;
            }
        };
        let came = tokio::time::timeout(2 * LONG, waiting).await;
        came.expect("publishing goes on");
    }
}

/// Fault 07, twice: a start takes too long for the six of the measurement.
async fn all_that_was_confirmed_while_the_broker_was_killed_is_there(broker: &mut PrivateBroker) {
    const KILLS: usize = 2;
    let queue = on_settled_broker(&broker.url()).await;
    let confirmed = Arc::<Confirmed>::default();
    let publishing = AbortOnDropHandle::new(tokio::spawn(publish_for_ever(
        queue.clone(),
        Arc::clone(&confirmed),
    )));
    for _ in 0..KILLS {
        let generation = queue.generation();
        confirmed.until(confirmed.count() + 1_000).await;
        broker.kill().expect("it is ours");
        broker.start_again().expect("it starts");
        confirmed.until(confirmed.count() + 100).await;
        assert_ne!(
            queue.generation(),
            generation,
            "the dispatcher must begin again"
        );
    }
    publishing.abort();
    let expected = confirmed.messages.lock().expect("no panic").clone();
    let missing = missing_of(&queue, expected).await;
    assert_eq!(missing, HashSet::new());
    queue.close().await;
}

async fn publish_for_ever(queue: Queue, confirmed: Arc<Confirmed>) {
    for first in (0..).step_by(100) {
        let batch = messages(first..first + 100);
        if queue.publish(&batch).await.is_ok() {
            confirmed.messages.lock().expect("no panic").extend(batch);
            confirmed.more.notify_one();
        } else {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Takes what there is; what is left of these is not there.
async fn missing_of(queue: &Queue, mut expected: HashSet<Message>) -> HashSet<Message> {
    let consumer = queue.consume(500).await.expect("the broker takes us");
    while let Ok(delivery) = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await {
        expected.remove(&delivery.message);
        consumer.ack(&[delivery.tag]);
    }
    consumer.close().await;
    expected
}

/// Fault 08.
async fn a_consumer_is_back_soon_after_its_broker(broker: &mut PrivateBroker) {
    let queue = on_settled_broker(&broker.url()).await;
    let consumer = queue.consume(10).await.expect("the broker takes us");
    queue.publish(&messages(0..20)).await.expect("it is there");
    let in_hand = take(&consumer, 10).await;
    consumer.ack(&[in_hand[0].tag]);
    broker.kill().expect("it is ours");
    until("it is seen", LONG, async || !consumer.is_subscribed()).await;
    let stale: Vec<_> = in_hand.iter().map(|delivery| delivery.tag).collect();
    consumer.ack(&stale);
    broker.start_again().expect("it starts");
    let began = Instant::now();
    let mut left: HashSet<_> = messages(1..20).into_iter().collect();
    while !left.is_empty() {
        let delivery = next(&consumer).await;
        left.remove(&delivery.message);
        consumer.ack(&[delivery.tag]);
    }
    assert!(began.elapsed() < BACK_WITHIN, "{:?}", began.elapsed());
    assert_eq!(count(&queue.counters().consumer_rebuilt), 1);
    consumer.close().await;
    queue.close().await;
}

/// Losing the broker with all its queues costs nothing but publishing again.
async fn a_broker_without_its_data_is_made_ready_again(broker: &mut PrivateBroker) {
    let queue = on_settled_broker(&broker.url()).await;
    let consumer = queue.consume(10).await.expect("the broker takes us");
    let generation = queue.generation();
    queue.publish(&messages(0..5)).await.expect("it is there");
    broker.kill().expect("it is ours");
    broker.delete_data().expect("it is ours");
    broker.start_again().expect("it starts");
    until("the consumer is back", BACK_WITHIN, async || {
        consumer.is_subscribed()
    })
    .await;
    let published = async || queue.publish(&messages(0..5)).await.is_ok();
    until("the publisher is back", BACK_WITHIN, published).await;
    assert_ne!(
        queue.generation(),
        generation,
        "the dispatcher must begin again"
    );
    let came: HashSet<_> = take(&consumer, 5).await.iter().map(|d| d.message).collect();
    assert_eq!(came.len(), 5);
    consumer.close().await;
    queue.close().await;
}
