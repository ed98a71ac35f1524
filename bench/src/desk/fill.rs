//! A ledger's tables, filled and asked past the ledger.

use std::path::Path;

use anyhow::Result;
use ferry_core::id::RunId;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};

use super::Sizes;

/// The tables of one ledger.
pub(crate) enum Tables {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// An access token of a thousand bytes, sealed.
const SEALED_BYTES: u32 = 1_000;

impl Tables {
    pub(crate) async fn of_file(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .foreign_keys(false);
        Ok(Self::Sqlite(options.connect().await?))
    }

    pub(crate) async fn of_server(url: &str) -> Result<Self> {
        Ok(Self::Postgres(PgConnection::connect(url).await?))
    }

    /// Sessions of both runs: a fifth is dead, a fifth of those is of the second run.
    pub(crate) async fn fill(&mut self, sizes: Sizes, runs: &[RunId]) -> Result<()> {
        let sessions = sizes.sessions();
        let (numbers, key, now, blob) = match self {
            Self::Sqlite(_) => (
                format!(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {sessions})"
                ),
                "unhex(printf('%032x', i))",
                "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
                format!("zeroblob({SEALED_BYTES})"),
            ),
            Self::Postgres(_) => (
                format!("WITH n (i) AS (SELECT generate_series(1, {sessions}::bigint))"),
                "decode(lpad(to_hex(i), 32, '0'), 'hex')",
                "ferry_now()",
                format!("decode(repeat('00', {SEALED_BYTES}), 'hex')"),
            ),
        };
        let (large, small) = (runs[0], runs[1]);
        let run = format!("CASE WHEN i % 25 = 0 THEN {small} ELSE {large} END");
        self.execute(format!(
            "INSERT INTO sessions (id, run_id, legacy_key, source_row, organization, subject, email,
                 token_expires_at, session_expires_at, state, reason, error_type)
             {numbers}
             SELECT i, {run}, {key}, i, 'organization-test-' || (i % 500), 'auth0|' || i,
                 'person-' || i || '@example.com', {now} + 43200000, {now} + 604800000,
                 CASE WHEN i % 5 = 0 THEN 'dead' WHEN i % 5 = 4 THEN 'skipped' ELSE 'migrated' END,
                 CASE WHEN i % 5 = 4 THEN 'expired' WHEN i % 5 > 0 THEN NULL
                     WHEN i % 50 < 30 THEN 'member_missing' WHEN i % 50 < 40 THEN 'userinfo_unusable'
                     WHEN i % 50 < 45 THEN 'token_refused' ELSE 'refused' END,
                 CASE WHEN i % 5 = 0 THEN 'migrate_from_external_error_' || (i % 50) END
             FROM n"
        ))
        .await?;
        self.execute(format!(
            "INSERT INTO dead_letters (session_id, run_id, died_at, attempts, reason, class,
                 error_type, organization)
             SELECT id, run_id, {now} - (id % 36000) * 1000, id % 7, reason,
                 CASE WHEN reason = 'userinfo_unusable' THEN 'ambiguous' ELSE 'session' END,
                 error_type, organization
             FROM sessions WHERE state = 'dead'"
        ))
        .await?;
        self.execute(format!(
            "INSERT INTO session_secrets (session_id, token)
             SELECT id, {blob} FROM sessions WHERE state = 'dead'"
        ))
        .await?;
        self.execute(
            "UPDATE runs SET rows_read = (SELECT COUNT(*) FROM sessions WHERE run_id = runs.id)"
                .to_owned(),
        )
        .await
    }

    /// What a server does by itself, some time after so many rows came.
    pub(crate) async fn settle_down(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => {
                self.execute("PRAGMA wal_checkpoint(TRUNCATE)".to_owned())
                    .await
            }
            Self::Postgres(_) => {
                self.execute("VACUUM ANALYZE".to_owned()).await?;
                self.execute("CHECKPOINT".to_owned()).await
            }
        }
    }

    /// What one number is asked for by.
    pub(crate) async fn number(&mut self, query: &'static str) -> Result<i64> {
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query_scalar(query).fetch_one(connection).await?,
            Self::Postgres(connection) => sqlx::query_scalar(query).fetch_one(connection).await?,
        })
    }

    /// One statement or several, apart from any ledger. The words in them are our own.
    pub(crate) async fn execute(&mut self, statements: String) -> Result<()> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements));
        match self {
            Self::Sqlite(connection) => statements.execute(connection).await.map(|_| ())?,
            Self::Postgres(connection) => statements.execute(connection).await.map(|_| ())?,
        }
        Ok(())
    }
}
