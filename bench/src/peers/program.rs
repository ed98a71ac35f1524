//! One peer: a program that publishes, and two processes that work.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection as _, PgConnection};

use crate::ferry::{CONCURRENCY, Running};
use crate::figure::each;
use crate::fleet::Bench;
use crate::fleet::command::WEIGH_EVERY;
use crate::fleet::database::Database;
use crate::fleet::meter::Meter;
use crate::fleet::queues::Queues;
use crate::measurement::Measurement;
use crate::peers::environment::Environment;
use crate::simulator::Simulator;
use crate::tree;

/// A way to do the job.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    short: &'static str,
    publish: &'static [&'static str],
    work: &'static [&'static str],
    /// In flight, of each process.
    calls: u32,
}

/// Celery's prefork pool has a child for each call in flight. With gevent, late acknowledgements and
/// a bounded prefetch it stands still (5.7.0): it sends no acknowledgement before the next message
/// comes, and the broker no message before the next acknowledgement.
pub(crate) const PEERS: [Peer; 2] = [
    Peer {
        name: "Celery, prefork",
        short: "celery",
        publish: &["celery_publish.py"],
        work: &[
            "-m",
            "celery",
            "-A",
            "celery_app",
            "worker",
            "--pool=prefork",
            "--concurrency=16",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
        ],
        calls: 16,
    },
    Peer {
        name: "aio-pika, aiohttp, asyncpg",
        short: "asyncio",
        publish: &["asyncio_publish.py"],
        work: &["asyncio_worker.py"],
        calls: CONCURRENCY / PROCESSES,
    },
];

/// One for each core of a small machine.
const PROCESSES: u32 = 2;

const SCHEMA: &str = "CREATE TABLE mappings (
    session_id        text PRIMARY KEY,
    member_id         text NOT NULL,
    member_session_id text NOT NULL,
    session_token     text NOT NULL,
    expires_at        timestamptz NOT NULL
)";

/// Between two looks at what is done.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a worker may take to leave.
const LONGEST_END: Duration = Duration::from_secs(20);
/// A peer that carries nothing for so long is stuck. Celery declares some thirty queues first.
const STANDSTILL: Duration = Duration::from_mins(3);

/// A worker, which may have children of its own.
struct Worker(Child);

impl Drop for Worker {
    /// SIGTERM first: a process that is killed leaves its children behind.
    fn drop(&mut self) {
        let tell = ["-c", "kill -TERM \"$0\""];
        // Errors mean that it has ended by itself.
        let _ = Command::new("sh")
            .args(tell)
            .arg(self.0.id().to_string())
            .status();
        let began = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && began.elapsed() < LONGEST_END {
            thread::sleep(LOOK_EVERY);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What was seen of the rows so far.
struct Seen {
    rows: u64,
    moved: Instant,
    /// The first rows, and when they were seen.
    first: Option<(u64, Instant)>,
}

/// Servers and simulator, as the programs are told.
struct Place<'a> {
    peer: &'a Peer,
    environment: &'a Environment,
    bench: &'a Bench<'a>,
    simulator: Simulator,
    database: Database,
    queues: Queues,
}

impl Peer {
    /// Publishes the export and carries it; the rate counts from the first row to the last, CPU times
    /// from the publisher's start.
    pub(crate) async fn measure(
        &self,
        environment: &Environment,
        bench: &Bench<'_>,
    ) -> Result<Measurement> {
        let mut place = Place {
            peer: self,
            environment,
            bench,
            simulator: bench.simulator()?,
            database: Database::make(&bench.servers, self.short).await?,
            queues: Queues::new(&bench.servers.broker_url, self.short),
        };
        let mut rows = PgConnection::connect(&place.database.url).await?;
        sqlx::raw_sql(SCHEMA).execute(&mut rows).await?;
        let meter = Meter::start(
            &bench.servers,
            Some(&place.simulator),
            Some(&mut place.database),
        )
        .await?;
        let published = place.publish()?;
        let (wall, worked, pss_kib) = place.work(&mut rows).await?;
        rows.close().await?;
        let mut cost = meter
            .stop(published + worked, Some(&mut place.database))
            .await?;
        cost.wall = wall;
        cost.pss_kib = Some(pss_kib);
        place.queues.delete_queue().await?;
        place.database.drop().await?;
        Ok(Measurement {
            processes: Some(PROCESSES),
            concurrency: Some(PROCESSES * self.calls),
            ..cost.measurement(self.name, bench.scale.sessions)
        })
    }
}

impl Place<'_> {
    /// The CPU time that it took.
    fn publish(&self) -> Result<Duration> {
        let mut running = Running(self.start(self.peer.publish, &[])?);
        let cpu = running.end_mark()?.usage.cpu;
        let status = running.0.wait()?;
        ensure!(
            status.success(),
            "publishing ended with {status}: {}",
            self.log()
        );
        Ok(cpu)
    }

    /// How long it would have taken without starting up, the CPU time of all processes, and the most of their memory.
    async fn work(&self, rows: &mut PgConnection) -> Result<(Duration, Duration, u64)> {
        let began = Instant::now();
        let start = |number: u32| {
            let name = format!("--hostname={number}@bench");
            let further = if self.peer.short == "celery" {
                vec![name.as_str()]
            } else {
                vec![]
            };
            Ok(Worker(self.start(self.peer.work, &further)?))
        };
        let workers = (0..PROCESSES).map(start).collect::<Result<Vec<_>>>()?;
        let sum = |of: fn(u32) -> Result<u64>| -> Result<u64> {
            workers.iter().map(|worker| of(worker.0.id())).sum()
        };
        let mut seen = Seen::at(began);
        let (mut peak_kib, mut weighed) = (0, began);
        while seen.rows < self.bench.scale.sessions {
            thread::sleep(LOOK_EVERY);
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM mappings")
                .fetch_one(&mut *rows)
                .await?;
            seen.count(count.unsigned_abs());
            let moves = seen.moved.elapsed() < STANDSTILL;
            ensure!(moves, "stuck at {}: {}", seen.rows, self.log());
            if weighed.elapsed() >= WEIGH_EVERY {
                (peak_kib, weighed) = (peak_kib.max(sum(tree::pss_kib)?), Instant::now());
            }
        }
        eprintln!(
            "first row after {:.1} s",
            seen.starting_up(began).as_secs_f64()
        );
        let cpu = workers.iter().map(|worker| tree::cpu(worker.0.id()));
        let cpu = cpu.sum::<Result<Duration>>()?;
        Ok((seen.wall(), cpu, peak_kib.max(sum(tree::pss_kib)?)))
    }

    fn start(&self, arguments: &[&str], further: &[&str]) -> Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.bench.folder.path(self.peer.short))?;
        let url = format!("{}/v1/b2b/sessions/migrate", self.simulator.base_url);
        Command::new(&self.environment.python)
            .args(arguments)
            .args(further)
            .current_dir(&self.environment.programs)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PEER_URL", url)
            .env("PEER_PROJECT_ID", &self.simulator.project_id)
            .env("PEER_SECRET", &self.simulator.secret)
            .env("PEER_AMQP_URL", self.queues.url())
            .env("PEER_QUEUE", &self.queues.prefix)
            .env("PEER_DATABASE_URL", &self.database.url)
            .env("PEER_EXPORT", &self.bench.export)
            .env("PEER_CALLS", self.peer.calls.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("python does not start")
    }

    /// What the programs said last.
    fn log(&self) -> String {
        let text = std::fs::read_to_string(self.bench.folder.path(self.peer.short));
        let text = text.unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Seen {
    fn at(now: Instant) -> Self {
        Self {
            rows: 0,
            moved: now,
            first: None,
        }
    }

    fn count(&mut self, rows: u64) {
        if rows > self.rows {
            (self.rows, self.moved) = (rows, Instant::now());
            self.first.get_or_insert((rows, self.moved));
        }
    }

    fn starting_up(&self, began: Instant) -> Duration {
        self.first.map_or(Duration::ZERO, |(_, at)| at - began)
    }

    /// For all rows, at the rate of those after the first.
    fn wall(&self) -> Duration {
        let Some((rows, at)) = self.first.filter(|(rows, _)| *rows < self.rows) else {
            return Duration::ZERO;
        };
        (self.moved - at).div_f64(1.0 - each(rows, self.rows))
    }
}
