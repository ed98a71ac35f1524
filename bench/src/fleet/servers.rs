//! PostgreSQL and RabbitMQ: private ones, or those that the environment names.

use std::time::Duration;

use anyhow::{Context, Result};
use ferry_testbed::postgres::PrivatePostgres;
use ferry_testbed::rabbitmq::PrivateBroker;
use ferry_testbed::{AMQP_URL, POSTGRES_URL};
use sqlx::{Connection as _, PgConnection};

use crate::tree;

/// Both servers. Private ones end with this.
pub(crate) struct Servers {
    pub(crate) database_url: String,
    pub(crate) broker_url: String,
    /// What served, for the report.
    pub(crate) described: String,
    /// Their first processes; none if they are on another machine.
    database: Option<u32>,
    broker: Option<u32>,
    _postgres: Option<PrivatePostgres>,
    _rabbitmq: Option<PrivateBroker>,
}

/// CPU time that the servers have used so far, with all their processes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerTimes {
    pub(crate) broker: Option<Duration>,
    pub(crate) database: Option<Duration>,
}

/// As the vendor ships it, but that it counts statements and how long its log waits for the disk.
const SETTINGS: &str = "shared_preload_libraries = 'pg_stat_statements'
track_wal_io_timing = on";
const STATEMENTS: &str = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements";

impl Servers {
    /// Finds or starts them; that blocks, for some 20 s. Private ones end with the thread that
    /// called this.
    pub(crate) async fn start() -> Result<Self> {
        let (database_url, postgres) = if let Ok(url) = std::env::var(POSTGRES_URL) {
            (url, None)
        } else {
            eprintln!("starting a private PostgreSQL");
            let postgres = PrivatePostgres::start(SETTINGS)?;
            (postgres.url(), Some(postgres))
        };
        let (broker_url, rabbitmq) = if let Ok(url) = std::env::var(AMQP_URL) {
            (url, None)
        } else {
            eprintln!("starting a private RabbitMQ, some 20 s");
            let broker = PrivateBroker::start("", "")?;
            (broker.url(), Some(broker))
        };
        let mut connection = PgConnection::connect(&database_url).await?;
        if postgres.is_some() {
            sqlx::raw_sql(STATEMENTS).execute(&mut connection).await?;
        }
        let version: String = sqlx::query_scalar("SHOW server_version")
            .fetch_one(&mut connection)
            .await?;
        let broker_version = match &rabbitmq {
            Some(broker) => broker.control(&["version"])?.trim().to_owned(),
            None => format!("of {AMQP_URL}"),
        };
        Ok(Self {
            described: format!("PostgreSQL {version}, RabbitMQ {broker_version}"),
            database: process_of(&database_url, 5432)?,
            broker: process_of(&broker_url, 5672)?,
            database_url,
            broker_url,
            _postgres: postgres,
            _rabbitmq: rabbitmq,
        })
    }

    /// What they have used so far.
    pub(crate) fn times(&self) -> Result<ServerTimes> {
        Ok(ServerTimes {
            broker: self.broker.map(tree::cpu).transpose()?,
            database: self.database.map(tree::cpu).transpose()?,
        })
    }
}

impl ServerTimes {
    /// What was used since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Self {
        let between = |now: Option<Duration>, then: Option<Duration>| {
            now.zip(then).map(|(now, then)| now.saturating_sub(then))
        };
        Self {
            broker: between(self.broker, earlier.broker),
            database: between(self.database, earlier.database),
        }
    }
}

/// The process behind a URL, if it is on this machine.
fn process_of(url: &str, usual_port: u16) -> Result<Option<u32>> {
    let url = url::Url::parse(url).ok().context("a server's URL")?;
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let port = url.port().unwrap_or(usual_port);
    Ok(is_here.then(|| tree::listener(port)).flatten())
}
