//! Raw part: the pipeline without a ledger. Consume, call, insert, acknowledge: no states, no
//! leases, no retries, no seals; the first failure ends it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::StreamExt as _;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Semaphore, mpsc};

use crate::bare_client::{self, Calls, Reply};
use crate::ferry::CONCURRENCY;
use crate::fleet::database::Database;
use crate::fleet::meter::{Cost, Meter};
use crate::fleet::publishing::{self, Letter, WINDOW};
use crate::fleet::queues::Queues;
use crate::fleet::servers::Servers;
use crate::process::Mark;
use crate::simulator::Simulator;

/// Twice the calls in flight, as Ferry does.
const PREFETCH: u16 = 512;
/// The most results in one statement.
const ROWS_PER_STATEMENT: usize = 512;

const SCHEMA: &str = "CREATE TABLE mappings (
    session_id        bigint PRIMARY KEY,
    organization_id   text NOT NULL,
    member_id         text NOT NULL,
    member_session_id text NOT NULL,
    session_token     text NOT NULL,
    expires_at        timestamptz NOT NULL
)";

/// Whatever is asked of a session: nobody has a ledger to look it up in.
#[derive(Serialize, Deserialize)]
struct Work {
    session: u64,
    token: String,
    organization: String,
}

/// A result, by its delivery.
type Carried = (u64, u64, Reply);

/// Carries the export's first rows. Their messages are in the queue before it begins.
pub(crate) async fn measure(
    servers: &Servers,
    simulator: &Simulator,
    export: &Path,
    sessions: u64,
) -> Result<Cost> {
    let mut database = Database::make(servers, "bare").await?;
    let mut rows = PgConnection::connect(&database.url).await?;
    sqlx::raw_sql(SCHEMA).execute(&mut rows).await?;
    let queues = Queues::new(&servers.broker_url, "bare");
    // Declares them as Ferry has them.
    queues.queue(WINDOW).await?.close().await;
    fill(&queues, export, sessions).await?;

    let meter = Meter::start(servers, Some(simulator), Some(&mut database)).await?;
    let begin = Mark::now(process::id())?;
    carry(&queues, simulator, &mut rows, sessions).await?;
    let end = Mark::now(process::id())?;
    let counted: i64 = sqlx::query_scalar("SELECT count(*) FROM mappings")
        .fetch_one(&mut rows)
        .await?;
    // Its last transactions are told when it leaves.
    rows.close().await?;
    let mut cost = meter
        .stop(end.cpu_since(&begin), Some(&mut database))
        .await?;
    cost.wall = end.since(&begin);
    ensure!(
        counted.unsigned_abs() == sessions,
        "the bare pipeline carried {counted} of {sessions}"
    );
    queues.delete().await?;
    database.drop().await?;
    Ok(cost)
}

async fn fill(queues: &Queues, export: &Path, sessions: u64) -> Result<()> {
    let letters = bare_client::sessions(export, usize::try_from(sessions)?)?;
    let letters = letters.into_iter().zip(0..).map(|(session, place)| {
        let work = Work {
            session: place,
            token: session.access_token.expose_secret().to_owned(),
            organization: session.organization,
        };
        Letter {
            id: format!("1.{place}"),
            body: serde_json::to_vec(&work).expect("a number and two texts"),
        }
    });
    let connection = queues.bare().await?;
    let channel = publishing::confirming(&connection).await?;
    publishing::send(&channel, &queues.exchange(), letters).await?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

async fn carry(
    queues: &Queues,
    simulator: &Simulator,
    rows: &mut PgConnection,
    sessions: u64,
) -> Result<()> {
    let connection = queues.bare().await?;
    let channel = connection.create_channel().await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let (send, results) = mpsc::unbounded_channel();
    let calling = call_all(queues, &channel, Calls::to(simulator), sessions, send);
    let writing = write_all(&channel, rows, sessions, results);
    tokio::try_join!(calling, writing)?;
    // A channel that is closed at once after an acknowledgement may lose it: this answer comes
    // after it.
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let look = channel.queue_declare(queues.work().into(), passive, FieldTable::default());
    ensure!(look.await?.message_count() == 0, "messages are left");
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// Calls for each delivery, in a task of its own.
async fn call_all(
    queues: &Queues,
    channel: &Channel,
    calls: Calls,
    sessions: u64,
    results: mpsc::UnboundedSender<Result<Carried>>,
) -> Result<()> {
    let (queue, options) = (queues.work().into(), BasicConsumeOptions::default());
    let consuming = channel.basic_consume(queue, "".into(), options, FieldTable::default());
    let mut deliveries = consuming.await?;
    let calls = Arc::new(calls);
    let permits = Arc::new(Semaphore::new(CONCURRENCY as usize));
    for _ in 0..sessions {
        let delivery = deliveries.next().await.context("the stream ended")??;
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let (calls, results) = (Arc::clone(&calls), results.clone());
        tokio::spawn(async move {
            let result = call(&calls, &delivery).await;
            drop(permit);
            // Nobody listens any more after a failure.
            let _ = results.send(result);
        });
    }
    Ok(())
}

async fn call(calls: &Calls, delivery: &Delivery) -> Result<Carried> {
    let work: Work = serde_json::from_slice(&delivery.data)?;
    let migrate = calls.migrate(work.session, &work.token, &work.organization);
    Ok((delivery.delivery_tag, work.session, migrate.await?))
}

/// Inserts what has come meanwhile by one statement, then acknowledges all up to the first delivery
/// that is not done.
async fn write_all(
    channel: &Channel,
    rows: &mut PgConnection,
    sessions: u64,
    mut results: mpsc::UnboundedReceiver<Result<Carried>>,
) -> Result<()> {
    let (mut acknowledged, mut beyond) = (0, BTreeSet::new());
    let mut batch = Vec::with_capacity(ROWS_PER_STATEMENT);
    while acknowledged < sessions {
        results.recv_many(&mut batch, ROWS_PER_STATEMENT).await;
        let carried = batch.drain(..).collect::<Result<Vec<_>>>()?;
        insert(rows, &carried).await?;
        beyond.extend(carried.iter().map(|(tag, ..)| *tag));
        let before = acknowledged;
        // Tags of a channel count from 1.
        while beyond.remove(&(acknowledged + 1)) {
            acknowledged += 1;
        }
        if acknowledged > before {
            let all = BasicAckOptions { multiple: true };
            channel.basic_ack(acknowledged, all).await?;
        }
    }
    Ok(())
}

async fn insert(rows: &mut PgConnection, carried: &[Carried]) -> Result<()> {
    let sessions: Vec<_> = carried.iter().map(|(_, id, _)| id.cast_signed()).collect();
    let texts = |text: fn(&Reply) -> &str| -> Vec<&str> {
        carried.iter().map(|(.., reply)| text(reply)).collect()
    };
    sqlx::query(
        "INSERT INTO mappings SELECT a, b, c, d, e, f::timestamptz FROM
         UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
         AS new (a, b, c, d, e, f)",
    )
    .bind(sessions)
    .bind(texts(|reply| &reply.organization.organization_id))
    .bind(texts(|reply| &reply.member_id))
    .bind(texts(|reply| &reply.member_session.member_session_id))
    .bind(texts(|reply| &reply.session_token))
    .bind(texts(|reply| &reply.member_session.expires_at))
    .execute(rows)
    .await?;
    Ok(())
}
