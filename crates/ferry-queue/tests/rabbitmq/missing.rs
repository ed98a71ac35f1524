//! Queue or binding deleted under us.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use ferry_queue::{Message, QueueError};

use crate::support::{LONG, messages, next, on_broker, rng, settings, take, until};
use crate::{count, shared};

/// Fault 03.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_work_queue_is_seen_and_nothing_counts_as_published() {
    let broker = shared().await;
    let (queue, raw) = on_broker(&broker.url).await;
    raw.delete("work").await;
    let error = queue
        .publish(&messages(0..100))
        .await
        .expect_err("it is gone");
    assert!(error.is_missing() && error.is_passing(), "{error}");
    let QueueError::Unroutable { returned, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(returned, messages(0..100));
    assert_eq!(count(&queue.counters().confirmed), 0);
    let error = queue.depth().await.expect_err("it is gone");
    assert!(
        matches!(&error, QueueError::Missing { name } if *name == raw.name("work")),
        "{error}"
    );
    queue.health().await.expect_err("it is gone");
    // Whoever connects next declares it.
    let prefix = raw.name("work").replace(".v1.work", "");
    let mended = ferry_queue::Queue::connect(settings(&broker.url, &prefix), &mut rng()).await;
    mended.expect("it is declared again").close().await;
    queue.publish(&messages(0..100)).await.expect("it is there");
    assert_eq!(count(&queue.counters().confirmed), 100);
    raw.clean_up().await;
}

/// Fault 04: the binding comes and goes while hundreds of messages are under way.
#[tokio::test(flavor = "multi_thread")]
async fn every_unroutable_message_is_found_by_its_id() {
    const BATCH: i64 = 700;
    let broker = shared().await;
    let (queue, raw) = on_broker(&broker.url).await;
    let consumer = queue.consume(5_000).await.expect("the broker takes us");
    let done = AtomicBool::new(false);
    let flapping = async {
        let channel = raw.channel().await;
        while !done.load(Ordering::Relaxed) {
            raw.unbind(&channel, "work").await;
            raw.bind(&channel, "work").await;
        }
    };
    let publishing = async {
        let (mut mixed, mut first) = (0, 0);
        while mixed < 3 {
            let batch = messages(first..first + BATCH);
            first += BATCH;
            assert!(first < 200 * BATCH, "no batch was mixed");
            let returned = match queue.publish(&batch).await {
                Ok(()) => Vec::new(),
                Err(QueueError::Unroutable { returned, .. }) => returned,
                Err(error) => panic!("{error}"),
            };
            let arrived = take(&consumer, batch.len() - returned.len()).await;
            let tags: Vec<_> = arrived.iter().map(|delivery| delivery.tag).collect();
            consumer.ack(&tags);
            mixed += i32::from(!returned.is_empty() && !arrived.is_empty());
            let told: HashSet<Message> = returned.into_iter().collect();
            let arrived: HashSet<Message> =
                arrived.iter().map(|delivery| delivery.message).collect();
            assert!(told.is_disjoint(&arrived));
            assert_eq!(told.len() + arrived.len(), batch.len());
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(flapping, publishing);
    let counters = queue.counters();
    assert_eq!(
        count(&counters.published),
        count(&counters.confirmed) + count(&counters.returned)
    );
    consumer.close().await;
    raw.clean_up().await;
}

/// Fault 11.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_the_server_cancels_subscribes_again() {
    let broker = shared().await;
    let (queue, raw) = on_broker(&broker.url).await;
    let consumer = queue.consume(10).await.expect("the broker takes us");
    queue.publish(&messages(0..3)).await.expect("it is there");
    let stale = next(&consumer).await;
    let generation = queue.generation();
    raw.delete("work").await;
    let rebuilt = async || count(&queue.counters().consumer_rebuilt) == 1;
    until("it is counted", LONG, rebuilt).await;
    assert!(consumer.is_subscribed());
    assert_ne!(
        queue.generation(),
        generation,
        "the dispatcher must begin again"
    );
    queue.publish(&messages(5..6)).await.expect("it is there");
    let delivery = next(&consumer).await;
    assert_eq!(delivery.message, messages(5..6)[0]);
    // Its tag's number is the new one's, too: it must not be taken for it.
    consumer.ack(&[stale.tag]);
    consumer.close().await;
    until("it is back", LONG, async || {
        queue.depth().await.ok() == Some(1)
    })
    .await;
    raw.clean_up().await;
}
