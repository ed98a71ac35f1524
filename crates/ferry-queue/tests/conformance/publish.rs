//! What is published arrives, and is counted.

use std::sync::atomic::Ordering;

use ferry_queue::{Queue, QueueError};

use crate::support::{LONG, messages, next, sorted, take, until};

on_every_place![
    messages_come_in_the_order_of_publishing,
    publishing_nothing_is_done_at_once,
    a_session_that_is_published_twice_comes_twice,
    depth_counts_what_nobody_has_taken,
    what_was_published_is_counted,
    a_fresh_queue_is_well,
];

async fn messages_come_in_the_order_of_publishing(queue: &Queue) -> Result<(), QueueError> {
    queue.publish(&messages(0..1_500)).await?;
    let consumer = queue.consume(200).await?;
    for expected in messages(0..1_500) {
        let delivery = next(&consumer).await;
        assert_eq!(delivery.message, expected);
        consumer.ack(&[delivery.tag]);
    }
    consumer.close().await;
    Ok(())
}

async fn publishing_nothing_is_done_at_once(queue: &Queue) -> Result<(), QueueError> {
    queue.publish(&[]).await?;
    queue.publish_dead(&[]).await?;
    assert_eq!(queue.depth().await?, 0);
    Ok(())
}

/// Fault 13: the claim decides which of the three calls Stytch.
async fn a_session_that_is_published_twice_comes_twice(queue: &Queue) -> Result<(), QueueError> {
    let alice = [messages(0..1), messages(0..1)].concat();
    queue.publish(&alice).await?;
    queue.publish(&messages(0..1)).await?;
    let consumer = queue.consume(10).await?;
    let came = take(&consumer, 3).await;
    assert_eq!(
        sorted(came.into_iter().map(|delivery| delivery.message)),
        [0, 0, 0]
    );
    Ok(())
}

async fn depth_counts_what_nobody_has_taken(queue: &Queue) -> Result<(), QueueError> {
    assert_eq!(queue.depth().await?, 0);
    queue.publish(&messages(0..5)).await?;
    until("5 are ready", LONG, async || {
        queue.depth().await.ok() == Some(5)
    })
    .await;
    let consumer = queue.consume(2).await?;
    take(&consumer, 2).await;
    until("3 are left", LONG, async || {
        queue.depth().await.ok() == Some(3)
    })
    .await;
    Ok(())
}

async fn what_was_published_is_counted(queue: &Queue) -> Result<(), QueueError> {
    queue.publish(&messages(0..7)).await?;
    let consumer = queue.consume(10).await?;
    let deliveries = take(&consumer, 7).await;
    let tags: Vec<_> = deliveries.iter().map(|delivery| delivery.tag).collect();
    consumer.ack(&tags[..4]);
    consumer.close().await;
    let counters = queue.counters();
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(read(&counters.published), 7);
    assert_eq!(read(&counters.confirmed), 7);
    assert_eq!(read(&counters.delivered), 7);
    assert_eq!(read(&counters.acknowledged), 4);
    assert_eq!(read(&counters.returned) + read(&counters.refused), 0);
    Ok(())
}

async fn a_fresh_queue_is_well(queue: &Queue) -> Result<(), QueueError> {
    let generation = queue.generation();
    queue.health().await?;
    assert!(!queue.is_blocked());
    queue.publish(&messages(0..10)).await?;
    assert!(queue.consume(1).await?.is_subscribed());
    assert_eq!(queue.generation(), generation);
    Ok(())
}
