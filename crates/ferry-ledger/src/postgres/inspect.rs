//! Looking at a server without changing anything.

use ferry_core::Timestamp;
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::{MIGRATIONS, PostgresSettings};
use crate::error::LedgerError;
use crate::inspect::{Marks, Server};

/// The schema that this version makes.
pub(crate) fn newest() -> i64 {
    let versions = MIGRATIONS.iter().map(|migration| migration.version);
    versions.max().unwrap_or(0)
}

/// The marks of the ledger on this server, and what the server says of itself.
pub(crate) async fn marks(settings: &PostgresSettings) -> Result<(Marks, Server), LedgerError> {
    let mut connection = settings.connect_options().connect().await?;
    let server = server(&mut connection).await?;
    let mut marks = Marks::none();
    if has(&mut connection, "_sqlx_migrations").await? {
        marks.version = sqlx::query_scalar(
            "/* inspect */ SELECT max(version) FROM _sqlx_migrations WHERE success",
        )
        .fetch_one(&mut connection)
        .await?;
    }
    if has(&mut connection, "key_checks").await? {
        marks.key_checks = sqlx::query_as("/* inspect */ SELECT name, value FROM key_checks")
            .fetch_all(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok((marks, server))
}

async fn has(connection: &mut PgConnection, table: &str) -> Result<bool, LedgerError> {
    let found = sqlx::query_scalar("/* inspect */ SELECT to_regclass($1) IS NOT NULL");
    Ok(found.bind(table).fetch_one(connection).await?)
}

async fn server(connection: &mut PgConnection) -> Result<Server, LedgerError> {
    let (version, now, read_only, connections, max_connections): (String, i64, bool, i64, i64) =
        sqlx::query_as(
            "/* inspect */ SELECT current_setting('server_version'),
                (extract(epoch FROM clock_timestamp()) * 1000)::int8,
                pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                current_setting('max_connections')::int8",
        )
        .fetch_one(connection)
        .await?;
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Server {
        version,
        now: Timestamp::from_millis(now),
        read_only,
        connections: count(connections),
        max_connections: count(max_connections),
    })
}
