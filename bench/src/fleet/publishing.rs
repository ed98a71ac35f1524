//! Ferry's publisher beside a bare lapin publisher: the same window, messages, queue and confirms.

use std::collections::VecDeque;
use std::process;

use anyhow::{Result, ensure};
use ferry_core::id::{RunId, SessionId};
use ferry_queue::{Message, Queue};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, PublisherConfirm};

use crate::fleet::meter::{Cost, Meter};
use crate::fleet::queues::Queues;
use crate::fleet::servers::Servers;
use crate::measurement::{Goal, Measurement, Ratio};
use crate::process::Mark;

/// Messages that are published and not yet confirmed: Ferry's own default.
pub(crate) const WINDOW: usize = 512;

const RATIO_GOAL: f64 = 0.8;

/// Both publishers in turns, the bare one first.
pub(crate) async fn measure(
    servers: &Servers,
    messages: u64,
    times: u32,
) -> Result<[Measurement; 2]> {
    let queues = Queues::new(&servers.broker_url, "publishing");
    let queue = queues.queue(WINDOW).await?;
    let connection = queues.bare().await?;
    let channel = confirming(&connection).await?;
    let (mut bare, mut own) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let cost = publish_bare(servers, &queues, &channel, messages).await?;
        bare.push(row("bare lapin: publishing", &cost, messages));
        queues.purge(&channel).await?;
        let cost = publish(servers, &queue, messages).await?;
        own.push(row("Ferry's queue: publishing", &cost, messages));
        queues.purge(&channel).await?;
    }
    queue.close().await;
    connection.close(200, "done".into()).await?;
    queues.delete().await?;
    let rates = own.iter().zip(&bare);
    let ratio = crate::figure::median(rates.map(|(own, bare)| own.per_second / bare.per_second));
    let own = Measurement {
        ratio: Some(Ratio {
            value: ratio,
            to: "bare lapin",
        }),
        goals: vec![Goal {
            wanted: "at least 80 % of bare lapin",
            measured: format!("{:.0} %", ratio * 100.0),
            met: ratio >= RATIO_GOAL,
        }],
        ..Measurement::median_of(&own)
    };
    Ok([Measurement::median_of(&bare), own])
}

/// The database has no part in it.
fn row(part: &str, cost: &Cost, messages: u64) -> Measurement {
    Measurement {
        database_cpu_micros: None,
        ..cost.measurement(part, messages)
    }
}

async fn publish(servers: &Servers, queue: &Queue, messages: u64) -> Result<Cost> {
    let message = |session| {
        let (run, session) = (RunId(1), SessionId(session));
        Message { run, session }
    };
    let messages: Vec<_> = (0..messages.cast_signed()).map(message).collect();
    let meter = Meter::start(servers, None, None).await?;
    let begin = Mark::now(process::id())?;
    queue.publish(&messages).await?;
    let end = Mark::now(process::id())?;
    meter.stop(end.cpu_since(&begin), None).await
}

async fn publish_bare(
    servers: &Servers,
    queues: &Queues,
    channel: &Channel,
    messages: u64,
) -> Result<Cost> {
    let meter = Meter::start(servers, None, None).await?;
    let begin = Mark::now(process::id())?;
    let letters = (0..messages).map(|session| Letter {
        id: format!("1.{session}"),
        body: format!(r#"{{"v":1,"run":1,"session":{session}}}"#).into_bytes(),
    });
    send(channel, &queues.exchange(), letters).await?;
    let end = Mark::now(process::id())?;
    meter.stop(end.cpu_since(&begin), None).await
}

/// A channel on which everything is confirmed.
pub(crate) async fn confirming(connection: &Connection) -> Result<Channel> {
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    Ok(channel)
}

/// What the bare publisher sends.
pub(crate) struct Letter {
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
}

/// Publishes with a window of unconfirmed messages, the oldest confirm awaited first.
pub(crate) async fn send(
    channel: &Channel,
    exchange: &str,
    letters: impl Iterator<Item = Letter>,
) -> Result<()> {
    let (exchange, key) = (ShortString::from(exchange), ShortString::from("work"));
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let mut under_way = VecDeque::with_capacity(WINDOW);
    for letter in letters {
        if under_way.len() >= WINDOW
            && let Some(confirm) = under_way.pop_front()
        {
            confirmed(confirm).await?;
        }
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(letter.id.into())
            .with_headers(FieldTable::default())
            .with_type("ferry.session".into())
            .with_content_type("application/json".into());
        let (exchange, key) = (exchange.clone(), key.clone());
        let sending = channel.basic_publish(exchange, key, options, &letter.body, properties);
        under_way.push_back(sending.await?);
    }
    for confirm in under_way {
        confirmed(confirm).await?;
    }
    Ok(())
}

async fn confirmed(confirm: PublisherConfirm) -> Result<()> {
    let confirmation = confirm.await?;
    let taken = confirmation.is_ack() && confirmation.take_message().is_none();
    ensure!(taken, "the broker refused a message or gave it back");
    Ok(())
}
