//! Prefetch, acknowledgement, and what a lost consumer had in hand.

use std::time::Duration;

use ferry_queue::{Queue, QueueError};

use crate::support::{LONG, assert_quiet, messages, next, sorted, take, until};

on_every_place![
    a_consumer_holds_no_more_than_its_prefetch,
    a_consumer_that_is_dropped_gives_back_what_it_had_not_acknowledged,
    a_consumer_that_is_closed_gives_back_what_it_had_not_acknowledged,
    what_was_acknowledged_in_any_order_does_not_come_again,
    a_tag_that_was_acknowledged_before_is_passed_over,
    a_wait_that_is_given_up_takes_nothing,
    two_consumers_share_the_messages,
];

async fn a_consumer_holds_no_more_than_its_prefetch(queue: &Queue) -> Result<(), QueueError> {
    queue.publish(&messages(0..3)).await?;
    let consumer = queue.consume(2).await?;
    let first = next(&consumer).await;
    next(&consumer).await;
    assert_eq!(consumer.try_next(), None);
    assert_quiet(&consumer).await;
    consumer.ack(&[first.tag]);
    assert_eq!(next(&consumer).await.message, messages(2..3)[0]);
    Ok(())
}

async fn a_consumer_that_is_dropped_gives_back_what_it_had_not_acknowledged(
    queue: &Queue,
) -> Result<(), QueueError> {
    queue.publish(&messages(0..4)).await?;
    let lost = queue.consume(10).await?;
    let deliveries = take(&lost, 3).await;
    lost.ack(&[deliveries[0].tag]);
    drop(lost);
    let consumer = queue.consume(10).await?;
    let came = take(&consumer, 3).await;
    assert_eq!(
        sorted(came.into_iter().map(|delivery| delivery.message)),
        [1, 2, 3]
    );
    assert_quiet(&consumer).await;
    Ok(())
}

async fn a_consumer_that_is_closed_gives_back_what_it_had_not_acknowledged(
    queue: &Queue,
) -> Result<(), QueueError> {
    queue.publish(&messages(0..4)).await?;
    let leaving = queue.consume(10).await?;
    let deliveries = take(&leaving, 4).await;
    // One before and one behind those that are given back.
    leaving.ack(&[deliveries[0].tag, deliveries[3].tag]);
    leaving.close().await;
    until("2 are back", LONG, async || {
        queue.depth().await.ok() == Some(2)
    })
    .await;
    let consumer = queue.consume(10).await?;
    let came = take(&consumer, 2).await;
    assert_eq!(
        sorted(came.into_iter().map(|delivery| delivery.message)),
        [1, 2]
    );
    Ok(())
}

async fn what_was_acknowledged_in_any_order_does_not_come_again(
    queue: &Queue,
) -> Result<(), QueueError> {
    const MESSAGES: usize = 200;
    queue.publish(&messages(0..200)).await?;
    let consumer = queue.consume(50).await?;
    let mut slow = Vec::new();
    let mut taken = 0;
    // Every seventh is slow; those behind it must not starve the prefetch.
    while taken < MESSAGES {
        let delivery = next(&consumer).await;
        taken += 1;
        if taken % 7 == 0 {
            slow.push(delivery.tag);
        } else {
            consumer.ack(&[delivery.tag]);
        }
    }
    consumer.ack(&slow);
    consumer.close().await;
    let consumer = queue.consume(50).await?;
    assert_quiet(&consumer).await;
    assert_eq!(queue.depth().await?, 0);
    Ok(())
}

async fn a_tag_that_was_acknowledged_before_is_passed_over(
    queue: &Queue,
) -> Result<(), QueueError> {
    queue.publish(&messages(0..3)).await?;
    let consumer = queue.consume(1).await?;
    let first = next(&consumer).await;
    consumer.ack(&[first.tag, first.tag]);
    consumer.ack(&[first.tag]);
    let second = next(&consumer).await;
    consumer.ack(&[first.tag]);
    assert_quiet(&consumer).await;
    consumer.ack(&[second.tag]);
    assert_eq!(next(&consumer).await.message, messages(2..3)[0]);
    Ok(())
}

async fn a_wait_that_is_given_up_takes_nothing(queue: &Queue) -> Result<(), QueueError> {
    let consumer = queue.consume(10).await?;
    for _ in 0..20 {
        let waiting = tokio::time::timeout(Duration::from_millis(1), consumer.next());
        assert!(waiting.await.is_err());
    }
    queue.publish(&messages(0..3)).await?;
    let mut came = Vec::new();
    while came.len() < 3 {
        if let Ok(delivery) = tokio::time::timeout(Duration::ZERO, consumer.next()).await {
            came.push(delivery.message);
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(came, messages(0..3));
    Ok(())
}

async fn two_consumers_share_the_messages(queue: &Queue) -> Result<(), QueueError> {
    let consumers = [queue.consume(20).await?, queue.consume(20).await?];
    queue.publish(&messages(0..1_000)).await?;
    let mut came = Vec::new();
    while came.len() < 1_000 {
        let delivery = tokio::select! {
            delivery = next(&consumers[0]) => {
                consumers[0].ack(&[delivery.tag]);
                delivery
            }
            delivery = next(&consumers[1]) => {
                consumers[1].ack(&[delivery.tag]);
                delivery
            }
        };
        came.push(delivery.message);
    }
    assert_eq!(sorted(came), sorted(messages(0..1_000)));
    Ok(())
}
