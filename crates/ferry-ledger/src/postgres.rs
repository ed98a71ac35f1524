//! The ledger in a PostgreSQL database: many processes, on many hosts.
//!
//! Three rules keep them out of each other's way:
//!
//! - **First lock, then look.** A statement sees the rows as they were when it began. So the rows of
//!   `sessions` are locked by one statement, and what belongs to them is read or written by the next.
//! - **In the order of their ids**, once a transaction: who waits for a row holds none behind it, so
//!   that nobody waits in a circle. A claim does not wait at all.
//! - **Registrars take turns** ([`PostgresChange::take_turn`]), since two of them may bring the same
//!   session.

use std::sync::Arc;
use std::time::Duration;

use ferry_core::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{Postgres, Transaction};

mod audit_log;
mod budgets;
mod cancel;
mod claim;
mod clock;
mod dead;
mod due;
mod foreign;
mod history;
pub(crate) mod inspect;
mod keys;
mod mappings;
mod park;
mod purge;
mod record;
mod register;
mod replay;
mod report;
mod roles;
mod runs;
mod settings;
mod standing;
mod subjects;
mod survey;
mod sweep;
mod timeline;
mod verify;
mod waits;
mod watch;
mod workers;

use clock::ServerClock;
pub use settings::{PostgresSettings, PostgresUrl, PostgresUrlError};
use waits::{Wait, Waits};

use crate::error::LedgerError;
use crate::ledger::migrated;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Who looks through whole tables sets `statement_timeout` to this.
const LONGEST_LOOK: Duration = Duration::from_mins(10);

/// Connections to a server.
#[derive(Clone)]
pub(crate) struct PostgresLedger {
    pool: PgPool,
    clock: Arc<ServerClock>,
    waits: Arc<Waits>,
}

/// A write transaction.
#[derive(Debug)]
pub(crate) struct PostgresChange {
    pub(crate) transaction: Transaction<'static, Postgres>,
    clock: Arc<ServerClock>,
    waits: Arc<Waits>,
}

impl PostgresLedger {
    pub(crate) async fn connect(settings: PostgresSettings) -> Result<Self, LedgerError> {
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(settings.acquire_timeout)
            .connect_with(settings.connect_options())
            .await?;
        // Behind an advisory lock: of several processes one migrates, the others wait.
        migrated(MIGRATIONS.run(&pool).await, LedgerError::from)?;
        let clock = ServerClock::ask(&pool).await?;
        Ok(Self {
            pool,
            clock: Arc::new(clock),
            waits: Arc::default(),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Somebody waits for the server from now on.
    pub(crate) fn wait(&self) -> Wait {
        self.waits.begin(Duration::ZERO)
    }

    /// Somebody waits who looks through a whole table.
    pub(crate) fn wait_long(&self) -> Wait {
        self.waits.begin(LONGEST_LOOK)
    }

    pub(crate) fn longest_wait(&self) -> Duration {
        self.waits.longest()
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn write(&self) -> Result<PostgresChange, LedgerError> {
        Ok(PostgresChange {
            transaction: self.begin("BEGIN").await?,
            clock: Arc::clone(&self.clock),
            waits: Arc::clone(&self.waits),
        })
    }

    /// A transaction that may look through a whole table: one snapshot, and no timeout that is meant
    /// for short statements.
    async fn look_through(&self) -> Result<Transaction<'static, Postgres>, LedgerError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SET LOCAL statement_timeout = '10min'";
        self.begin(begin).await
    }

    /// On the heap: a new connection's future is large, and would make that of each verb so.
    async fn begin(
        &self,
        begin: &'static str,
    ) -> Result<Transaction<'static, Postgres>, LedgerError> {
        Ok(Box::pin(self.pool.begin_with(begin)).await?)
    }
}

impl PostgresChange {
    /// Somebody waits for the server from now on.
    pub(crate) fn wait(&self) -> Wait {
        self.waits.begin(Duration::ZERO)
    }

    /// Somebody waits who looks through a whole table.
    pub(crate) fn wait_long(&self) -> Wait {
        self.waits.begin(LONGEST_LOOK)
    }

    /// Waits until these sessions are nobody else's, and keeps them until the end.
    async fn lock(&mut self, ids: &[i64]) -> Result<(), LedgerError> {
        sqlx::query("/* lock */ SELECT FROM sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE")
            .bind(ids)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}
