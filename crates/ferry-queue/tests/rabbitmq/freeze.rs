//! Connections stay open and nobody answers: SIGSTOP, or a network that swallows.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ferry_queue::Queue;
use ferry_testbed::proxy::{Direction, Proxy};

use crate::support::{LONG, messages, next, on_broker, take, until};
use crate::{private, shared};

/// A silent broker is to be seen within this.
const SEEN_WITHIN: Duration = Duration::from_secs(25);

/// Fault 09.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_is_seen_within_25_seconds() {
    let broker = private("", "");
    let (queue, _) = on_broker(&broker.url()).await;
    let freeze = || broker.freeze().expect("it is ours");
    silence_is_seen(&queue, freeze, || broker.thaw().expect("it is ours")).await;
}

/// Fault 10.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_half_open_are_seen_within_25_seconds() {
    let broker = shared().await;
    let proxy = Proxy::before(&broker.url).expect("a free port");
    let url = proxy.url(&broker.url).expect("a good URL");
    let (queue, _) = on_broker(&url).await;
    let swallow = || proxy.swallow(Direction::Both);
    silence_is_seen(&queue, swallow, || proxy.pass().expect("its port is free")).await;
}

async fn silence_is_seen(queue: &Queue, fall_silent: impl FnOnce(), speak_again: impl FnOnce()) {
    let consumer = queue.consume(20).await.expect("the broker takes us");
    queue.publish(&messages(0..3)).await.expect("it is there");
    let in_hand = take(&consumer, 3).await;
    fall_silent();
    let began = Instant::now();
    // Two tasks, so that neither is seen by the other's means.
    let publishing = async {
        queue
            .publish(&messages(3..6))
            .await
            .expect_err("nobody answers");
        began.elapsed()
    };
    let consuming = async {
        until("the consumer sees it", LONG, async || {
            !consumer.is_subscribed()
        })
        .await;
        began.elapsed()
    };
    let (publisher_saw, consumer_saw) = tokio::join!(publishing, consuming);
    assert!(publisher_saw < SEEN_WITHIN, "{publisher_saw:?}");
    assert!(consumer_saw < SEEN_WITHIN, "{consumer_saw:?}");
    let unwell = queue.health().await.expect_err("nobody answers");
    assert!(unwell.is_passing(), "{unwell}");
    speak_again();
    until("the consumer is back", LONG, async || {
        consumer.is_subscribed()
    })
    .await;
    let published = async || queue.publish(&messages(6..7)).await.is_ok();
    until("the publisher is back", LONG, published).await;
    let stale: Vec<_> = in_hand.iter().map(|delivery| delivery.tag).collect();
    consumer.ack(&stale);
    // What was published in vain may come, too: nobody can tell.
    let mut left: HashSet<_> = [messages(0..3), messages(6..7)]
        .concat()
        .into_iter()
        .collect();
    while !left.is_empty() {
        left.remove(&next(&consumer).await.message);
    }
    consumer.close().await;
    queue.close().await;
}
