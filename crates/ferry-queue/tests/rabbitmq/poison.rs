//! Messages that nobody can use.

use ferry_queue::{Cause, DeadLetter};
use secrecy::ExposeSecret;

use crate::support::{LONG, messages, next, on_broker, until};
use crate::{count, shared};

/// Fault 15; the unknown id is in the conformance suite.
#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_dead_letter_queue_at_once_with_its_cause() {
    let broker = shared().await;
    let (queue, raw) = on_broker(&broker.url).await;
    // One at a time, so that each must be out of the way before the next one comes.
    let consumer = queue.consume(1).await.expect("the broker takes us");
    raw.publish(None, b"{\"v\":1,\"run\":1,\"session\":1}")
        .await;
    raw.publish(Some("ferry.session"), b"\xff\x00\xff").await;
    raw.publish(Some("ferry.session"), b"{\"v\":2,\"when\":\"tomorrow\"}")
        .await;
    queue.publish(&messages(9..10)).await.expect("it is there");
    let good = next(&consumer).await;
    assert_eq!(good.message, messages(9..10)[0], "the worker lives");
    consumer.ack(&[good.tag]);
    until("3 lie there", LONG, async || {
        queue.count_dead().await.ok() == Some(3)
    })
    .await;
    let mut walk = queue.walk_dead().await.expect("it is there");
    let found = walk.next(10).await.expect("it is there");
    let foreign = found[1].foreign.as_ref().expect("not readable");
    assert_eq!(foreign.body.expose_secret(), b"\xff\x00\xff");
    assert_eq!(foreign.kind.as_deref(), Some("ferry.session"));
    assert!(!format!("{found:?}").contains("255"), "no body is shown");
    walk.close().await.expect("they are there again");
    until("3 lie there again", LONG, async || {
        queue.count_dead().await.ok() == Some(3)
    })
    .await;
    let letters = queue.drain_dead(10).await.expect("it is there");
    let expected = [Cause::NotOurs, Cause::Unreadable, Cause::UnknownVersion];
    let expected = expected.map(|cause| DeadLetter {
        message: None,
        cause,
    });
    assert_eq!(letters, expected);
    assert_eq!(count(&queue.counters().poison), 3);
    consumer.close().await;
    assert_eq!(queue.depth().await.expect("it is there"), 0);
    raw.clean_up().await;
}
