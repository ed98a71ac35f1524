//! A private broker that is short of something, or impatient. Each fact is a function; they share
//! one broker, which takes some 20 s to start.

use std::time::Duration;

use ferry_queue::{AmqpUrl, Cause, DeadLetter, Queue, QueueError, Settings};
use ferry_testbed::free_ports;
use ferry_testbed::rabbitmq::PrivateBroker;

use crate::support::{
    LONG, LOOK_EVERY, assert_quiet, fresh_prefix, messages, next, on_broker, rng, settings, sorted,
    take, until,
};
use crate::{count, private};

/// Self-signed for 127.0.0.1 and localhost.
const CERTIFICATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ferry-stytch/tests/fixtures/public-worthless-certificate.pem"
);
const KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../ferry-stytch/tests/fixtures/public-worthless-key.pem"
);

/// What a dead-letter worker waits for a confirm before it tries again; by default three minutes.
const DEAD_LETTER_PATIENCE: &str =
    "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 1000}]}].";

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_under_pressure_loses_nothing() {
    let [tls] = free_ports().expect("a free port");
    let broker = private(
        &format!(
            "listeners.ssl.1 = 127.0.0.1:{tls}\nssl_options.certfile = {CERTIFICATE}\n\
             ssl_options.keyfile = {KEY}"
        ),
        DEAD_LETTER_PATIENCE,
    );
    a_connection_by_tls_works_with_a_private_authority(tls).await;
    a_full_queue_holds_the_publisher_back_and_then_it_goes_on(&broker).await;
    a_memory_alarm_is_seen_and_acknowledgements_go_on(&broker).await;
    what_outlives_the_consumer_timeout_comes_again(&broker).await;
    what_was_in_hand_when_its_connection_was_closed_comes_again(&broker).await;
    what_cannot_be_dead_lettered_is_kept_until_it_can(&broker).await;
}

async fn a_connection_by_tls_works_with_a_private_authority(port: u16) {
    let url = AmqpUrl::parse(&format!("amqps://guest:guest@localhost:{port}"));
    let mut settings = Settings::new(url.expect("a good URL"));
    settings.prefix = fresh_prefix();
    let refused = Queue::connect(settings.clone(), &mut rng()).await;
    refused.expect_err("nobody we know has signed it");
    let pem = std::fs::read_to_string(CERTIFICATE).expect("it is in the repository");
    settings.ca_certificates = Some(pem);
    let queue = Queue::connect(settings, &mut rng()).await;
    let queue = queue.expect("now we know who signed it");
    queue.publish(&messages(0..3)).await.expect("it is there");
    assert_eq!(queue.depth().await.expect("it is there"), 3);
    queue.close().await;
}

/// Fault 05.
async fn a_full_queue_holds_the_publisher_back_and_then_it_goes_on(broker: &PrivateBroker) {
    let (queue, raw) = on_broker(&broker.url()).await;
    let name = raw.name("work").replace('.', "\\.");
    let policy = [
        "set_policy",
        "full",
        &name,
        "{\"max-length\":10}",
        "--apply-to",
        "queues",
    ];
    broker.control(&policy).expect("a policy");
    let clone = queue.clone();
    // The queue hears of its policy some time after it was set, so we go on until it has.
    let publishing = tokio::spawn(async move {
        let mut published = 0;
        while count(&clone.counters().refused) == 0 {
            let next = published..published + 100;
            published = next.end;
            clone.publish(&messages(next)).await?;
        }
        Ok::<_, QueueError>(published)
    });
    let refused = async || count(&queue.counters().refused) > 0;
    until("the broker refuses some", LONG, refused).await;
    assert!(!publishing.is_finished());
    let consumer = queue.consume(20).await.expect("the broker takes us");
    let drained = async || {
        let delivery = next(&consumer).await;
        consumer.ack(&[delivery.tag]);
        delivery.message
    };
    let mut came = Vec::new();
    while !publishing.is_finished() {
        if let Ok(message) = tokio::time::timeout(LOOK_EVERY, drained()).await {
            came.push(message);
        }
    }
    let published = publishing.await.expect("it ends once there is room");
    let published = published.expect("all are taken over");
    while came.len() < usize::try_from(published).expect("a few") {
        came.push(drained().await);
    }
    assert_eq!(sorted(came), sorted(messages(0..published)));
    let confirmed = count(&queue.counters().confirmed);
    assert_eq!(i64::try_from(confirmed), Ok(published));
    broker
        .control(&["clear_policy", "full"])
        .expect("no policy");
    consumer.close().await;
    queue.close().await;
}

/// Fault 06.
async fn a_memory_alarm_is_seen_and_acknowledgements_go_on(broker: &PrivateBroker) {
    let (queue, raw) = on_broker(&broker.url()).await;
    let consumer = queue.consume(50).await.expect("the broker takes us");
    queue.publish(&messages(0..50)).await.expect("it is there");
    let in_hand = take(&consumer, 50).await;
    let watermark = |value: &str| {
        let set = ["set_vm_memory_high_watermark", "absolute", value];
        broker.control(&set).expect("a watermark");
    };
    watermark("1");
    let clone = queue.clone();
    let publishing = tokio::spawn(async move { clone.publish(&messages(50..1_050)).await });
    until("it is seen", LONG, async || queue.is_blocked()).await;
    let unwell = queue.health().await.expect_err("it is blocked");
    assert!(unwell.is_passing());
    let tags: Vec<_> = in_hand.iter().map(|delivery| delivery.tag).collect();
    consumer.ack(&tags);
    let acknowledged = async || unacknowledged(broker, &raw.name("work")) == "0";
    until("acknowledgements arrive", LONG, acknowledged).await;
    assert!(queue.is_blocked() && !publishing.is_finished());
    watermark("4GB");
    let published = tokio::time::timeout(LONG, publishing).await;
    let published = published.expect("it recovers alone").expect("no panic");
    published.expect("all are taken over");
    assert!(!queue.is_blocked());
    let came = take(&consumer, 50).await;
    assert_eq!(
        sorted(came.iter().map(|delivery| delivery.message)),
        sorted(messages(50..100))
    );
    assert_eq!(count(&queue.counters().consumer_rebuilt), 0);
    drop(consumer);
    queue.close().await;
}

fn unacknowledged(broker: &PrivateBroker, queue: &str) -> String {
    let list = [
        "list_queues",
        "--no-table-headers",
        "name",
        "messages_unacknowledged",
    ];
    let lines = broker.control(&list).expect("a list");
    let line = lines.lines().find_map(|line| line.strip_prefix(queue));
    line.unwrap_or("no such queue").trim().to_owned()
}

/// Fault 12.
async fn what_outlives_the_consumer_timeout_comes_again(broker: &PrivateBroker) {
    set(broker, "consumer_timeout", "1000");
    set(broker, "channel_tick_interval", "500");
    let (queue, raw) = on_broker(&broker.url()).await;
    let consumer = queue.consume(10).await.expect("the broker takes us");
    queue.publish(&messages(0..1)).await.expect("it is there");
    let held = next(&consumer).await;
    let again = next(&consumer).await;
    assert_eq!(again.message, held.message);
    assert_ne!(again.tag, held.tag);
    assert_eq!(count(&queue.counters().consumer_rebuilt), 1);
    consumer.ack(&[held.tag, again.tag]);
    consumer.close().await;
    assert_eq!(unacknowledged(broker, &raw.name("work")), "0");
    assert_eq!(queue.depth().await.expect("it is there"), 0);
    queue.close().await;
    set(broker, "consumer_timeout", "1800000");
}

fn set(broker: &PrivateBroker, name: &str, value: &str) {
    let set = format!("application:set_env(rabbit, {name}, {value}).");
    broker.control(&["eval", &set]).expect("a setting");
}

/// Fault 14: at the queue; that it makes one session is shown where the claim is.
async fn what_was_in_hand_when_its_connection_was_closed_comes_again(broker: &PrivateBroker) {
    let (queue, raw) = on_broker(&broker.url()).await;
    let consumer = queue.consume(10).await.expect("the broker takes us");
    queue.publish(&messages(0..5)).await.expect("it is there");
    let in_hand = take(&consumer, 5).await;
    broker
        .control(&["close_all_connections", "in a test"])
        .expect("closed");
    let stale: Vec<_> = in_hand.iter().map(|delivery| delivery.tag).collect();
    let again = take(&consumer, 5).await;
    assert_eq!(
        sorted(again.iter().map(|delivery| delivery.message)),
        [0, 1, 2, 3, 4]
    );
    // They come too late, and must not be taken for the new ones of the same number.
    consumer.ack(&stale);
    consumer.close().await;
    until("all are back", LONG, async || {
        queue.depth().await.ok() == Some(5)
    })
    .await;
    // The publisher's connection was closed, too.
    assert_eq!(count(&queue.counters().publisher_rebuilt), 1);
    queue
        .publish(&messages(5..6))
        .await
        .expect("it has a new one");
    assert_eq!(unacknowledged(broker, &raw.name("work")), "0");
    queue.close().await;
}

/// Fault 17.
async fn what_cannot_be_dead_lettered_is_kept_until_it_can(broker: &PrivateBroker) {
    let (queue, raw) = on_broker(&broker.url()).await;
    let consumer = queue.consume(10).await.expect("the broker takes us");
    raw.delete("dead").await;
    raw.publish(None, b"somebody else's").await;
    queue.publish(&messages(0..1)).await.expect("it is there");
    let good = next(&consumer).await;
    consumer.ack(&[good.tag]);
    let poisoned = async || count(&queue.counters().poison) == 1;
    until("the poison is seen", LONG, poisoned).await;
    assert_quiet(&consumer).await;
    queue.count_dead().await.expect_err("it is gone");
    // Whoever connects next declares it.
    let prefix = raw.name("dead").replace(".v1.dead", "");
    let mended = Queue::connect(settings(&broker.url(), &prefix), &mut rng()).await;
    let mended = mended.expect("it is declared again");
    let arrived = async || mended.count_dead().await.ok() == Some(1);
    until("it arrives", Duration::from_mins(1), arrived).await;
    let letter = DeadLetter {
        message: None,
        cause: Cause::Broker,
    };
    assert_eq!(mended.drain_dead(10).await.expect("it is there"), [letter]);
    consumer.close().await;
    mended.close().await;
    queue.close().await;
}
