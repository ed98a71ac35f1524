//! Looking at a file without changing it.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::{BUSY_TIMEOUT, MIGRATIONS, not_a_ledger};
use crate::error::LedgerError;
use crate::inspect::Marks;

/// The schema that this version makes.
pub(crate) fn newest() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}

/// The marks of the ledger at this path.
pub(crate) async fn marks(path: &Path) -> Result<Marks, LedgerError> {
    // Who reads beside a writer shares its index of the log. Without a writer there is none, and
    // SQLite would make one.
    let log = path.with_extension("sqlite-wal");
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(!log.exists())
        .busy_timeout(BUSY_TIMEOUT)
        .log_statements(tracing::log::LevelFilter::Trace);
    let not_one = |error| not_a_ledger(error, path);
    let mut connection = options.connect().await.map_err(not_one)?;
    let tables: Vec<String> = sqlx::query_scalar(
        "/* inspect */ SELECT name FROM sqlite_schema WHERE name IN ('_sqlx_migrations', 'key_checks')",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(not_one)?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let mut marks = Marks::none();
    if has("_sqlx_migrations") {
        marks.version = sqlx::query_scalar(
            "/* inspect */ SELECT max(version) FROM _sqlx_migrations WHERE success",
        )
        .fetch_one(&mut connection)
        .await?;
    }
    if has("key_checks") {
        marks.key_checks = sqlx::query_as("/* inspect */ SELECT name, value FROM key_checks")
            .fetch_all(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(marks)
}
