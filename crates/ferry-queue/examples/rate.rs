//! What the queue costs beside a bare lapin loop with the same window, in the same run:
//! `cargo run --release -p ferry-queue --example rate -- amqp://guest:guest@127.0.0.1:5672`.

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use ferry_core::id::{RunId, SessionId};
use ferry_queue::{AmqpUrl, Message, Queue, Settings};
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Messages in each measurement.
const MESSAGES: i64 = 30_000;
/// Each is made so often; the median is told.
const ROUNDS: usize = 3;
const WINDOW: usize = 512;
const PREFETCH: u16 = 512;
/// The bare consumer acknowledges so many at once.
const ACK_EVERY: u64 = 64;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let url = std::env::args().nth(1).ok_or("give the broker's URL")?;
    let mut settings = Settings::new(AmqpUrl::parse(&url)?);
    "rate-example".clone_into(&mut settings.prefix);
    settings.window = WINDOW;
    let queue = Queue::connect(settings, &mut StdRng::seed_from_u64(1)).await?;
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let bare = connection.create_channel().await?;
    bare.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut took = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        took[0].push(publish_bare(&bare).await?);
        took[1].push(consume_bare(&connection).await?);
        took[2].push(publish(&queue).await?);
        took[3].push(consume(&queue).await?);
    }
    let names = ["publish, bare", "consume, bare", "publish", "consume"];
    for (name, took) in names.iter().zip(&mut took) {
        took.sort_unstable();
        let rate = MESSAGES as f64 / took[ROUNDS / 2].as_secs_f64();
        println!("{name:>14}: {rate:>7.0}/s");
    }
    queue.close().await;
    clean_up(&bare).await
}

async fn publish(queue: &Queue) -> Outcome<Duration> {
    let message = |session| Message {
        run: RunId(1),
        session: SessionId(session),
    };
    let messages: Vec<_> = (0..MESSAGES).map(message).collect();
    let began = Instant::now();
    queue.publish(&messages).await?;
    Ok(began.elapsed())
}

async fn consume(queue: &Queue) -> Outcome<Duration> {
    let began = Instant::now();
    let consumer = queue.consume(PREFETCH.into()).await?;
    for _ in 0..MESSAGES {
        let delivery = consumer.next().await;
        consumer.ack(&[delivery.tag]);
    }
    consumer.close().await;
    Ok(began.elapsed())
}

async fn publish_bare(channel: &Channel) -> Outcome<Duration> {
    let body = br#"{"v":1,"run":1,"session":12345}"#;
    let began = Instant::now();
    let mut under_way = VecDeque::new();
    for id in 0..MESSAGES {
        if under_way.len() >= WINDOW
            && let Some(confirm) = under_way.pop_front()
        {
            confirmed(confirm).await?;
        }
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(id.to_string().into());
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let (exchange, key) = ("rate-example.v1".into(), "work".into());
        let publishing = channel.basic_publish(exchange, key, options, body, properties);
        under_way.push_back(publishing.await?);
    }
    for confirm in under_way {
        confirmed(confirm).await?;
    }
    Ok(began.elapsed())
}

async fn confirmed(confirm: lapin::PublisherConfirm) -> Outcome<()> {
    if confirm.await?.is_ack() {
        return Ok(());
    }
    Err("refused".into())
}

async fn consume_bare(connection: &Connection) -> Outcome<Duration> {
    let began = Instant::now();
    let channel = connection.create_channel().await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let (queue, options) = (
        "rate-example.v1.work".into(),
        BasicConsumeOptions::default(),
    );
    let consuming = channel.basic_consume(queue, "".into(), options, FieldTable::default());
    let mut deliveries = consuming.await?;
    for done in 1..=MESSAGES.unsigned_abs() {
        let delivery = deliveries.next().await.ok_or("the stream ended")??;
        if done % ACK_EVERY == 0 || done == MESSAGES.unsigned_abs() {
            let all = BasicAckOptions { multiple: true };
            channel.basic_ack(delivery.delivery_tag, all).await?;
        }
    }
    let took = began.elapsed();
    channel.close(200, "done".into()).await?;
    Ok(took)
}

async fn clean_up(channel: &Channel) -> Outcome<()> {
    for queue in ["rate-example.v1.work", "rate-example.v1.dead"] {
        let options = QueueDeleteOptions::default();
        channel.queue_delete(queue.into(), options).await?;
    }
    let options = ExchangeDeleteOptions::default();
    channel
        .exchange_delete("rate-example.v1".into(), options)
        .await?;
    Ok(())
}
