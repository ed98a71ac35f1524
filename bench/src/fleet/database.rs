//! A database for one measurement, and what was written in it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::fleet::servers::Servers;
use crate::fleet::statements::Statement;

/// An empty database. It goes with [`Database::drop`].
pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
    /// To the server's own database: what is counted in ours is not disturbed by counting.
    server: PgConnection,
}

/// What the server has written so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Transactions that were committed in this database, those that only read included.
    pub(crate) transactions: i64,
    /// How often the log waited for the disk, if the server tells. Of all databases, like the next.
    pub(crate) syncs: Option<i64>,
    /// How long, in milliseconds; 0 where the server does not take the time.
    pub(crate) sync_millis: f64,
    /// Bytes of the log.
    pub(crate) log_bytes: i64,
}

/// Between two looks at who is connected.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A connection ends within moments of its client.
const LONGEST_LEAVE: Duration = Duration::from_secs(30);

impl Database {
    /// Makes it. What an earlier measurement left to be written is written first.
    pub(crate) async fn make(servers: &Servers, name: &str) -> Result<Self> {
        let name = format!("ferry_bench_{}_{name}", std::process::id());
        let mut url = url::Url::parse(&servers.database_url).context("a server's URL")?;
        url.set_path(&name);
        let mut server = PgConnection::connect(&servers.database_url).await?;
        execute(&mut server, format!("CREATE DATABASE {name}")).await?;
        execute(&mut server, "CHECKPOINT".to_owned()).await?;
        Ok(Self {
            url: url.into(),
            name,
            server,
        })
    }

    /// Removes it.
    pub(crate) async fn drop(mut self) -> Result<()> {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        execute(&mut self.server, drop).await
    }

    /// Waits until nobody is connected any more: a connection tells its last transactions when it
    /// ends, which is after its client has gone.
    pub(crate) async fn wait_until_left(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            let left: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = $1 AND backend_type = 'client backend'",
            )
            .bind(&self.name)
            .fetch_one(&mut self.server)
            .await?;
            if left == 0 {
                return Ok(());
            }
            ensure!(began.elapsed() < LONGEST_LEAVE, "{left} connections stay");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What was written until now. Connections that have ended are counted in full.
    pub(crate) async fn written(&mut self) -> Result<Written> {
        let transactions =
            sqlx::query_scalar("SELECT xact_commit FROM pg_stat_database WHERE datname = $1")
                .bind(&self.name)
                .fetch_one(&mut self.server)
                .await?;
        // Before version 14 there is no such view, from 18 on no such column.
        let syncs = sqlx::query_as("SELECT wal_sync, wal_sync_time FROM pg_stat_wal")
            .fetch_one(&mut self.server)
            .await;
        let (syncs, sync_millis) = match syncs {
            Ok((syncs, millis)) => (Some(syncs), millis),
            Err(_) => (None, 0.0),
        };
        let log_bytes = sqlx::query_scalar("SELECT (pg_current_wal_lsn() - '0/0')::bigint")
            .fetch_one(&mut self.server)
            .await?;
        Ok(Written {
            transactions,
            syncs,
            sync_millis,
            log_bytes,
        })
    }

    /// What statements have cost in this database since the last time, dearest first. None if the
    /// server does not count them.
    pub(crate) async fn take_statements(&mut self) -> Option<Vec<Statement>> {
        let rows: Vec<(String, i64, f64, i64)> = sqlx::query_as(
            "SELECT query, calls, total_exec_time, wal_bytes::bigint FROM pg_stat_statements
             WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)",
        )
        .bind(&self.name)
        .fetch_all(&mut self.server)
        .await
        .ok()?;
        sqlx::query(
            "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = $1",
        )
        .bind(&self.name)
        .execute(&mut self.server)
        .await
        .ok()?;
        Some(Statement::by_name(rows))
    }
}

impl Written {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            transactions: self.transactions + other.transactions,
            syncs: self.syncs.zip(other.syncs).map(|(one, other)| one + other),
            sync_millis: self.sync_millis + other.sync_millis,
            log_bytes: self.log_bytes + other.log_bytes,
        }
    }

    /// What was written since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            transactions: self.transactions - earlier.transactions,
            syncs: self.syncs.zip(earlier.syncs).map(|(now, then)| now - then),
            sync_millis: self.sync_millis - earlier.sync_millis,
            log_bytes: self.log_bytes - earlier.log_bytes,
        }
    }
}

async fn execute(server: &mut PgConnection, statement: String) -> Result<()> {
    // The names in them are our own.
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(server)
        .await?;
    Ok(())
}
