//! A large ledger, written by SQL: the sessions in it are only counted.

use std::path::Path;

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};

/// Ten runs of as many sessions, half of them open.
const RUNS: &str = "
    WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
    INSERT INTO runs (id, name, source, source_digest, state, rows_read, began_at, registered_at)
    SELECT i, 'run-' || i, 'export', zeroblob(32), 'active', 0, 0, 0 FROM n";

const SESSIONS: &str = "
    WITH RECURSIVE n (i) AS (SELECT ?1 + 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
    INSERT INTO sessions (id, run_id, legacy_key, source_row, organization, subject, email,
        token_expires_at, session_expires_at, state, reason)
    SELECT i, 1 + i % 10, CAST(printf('%016x', i) AS BLOB), i, 'organization-' || (i % 100),
        'auth0|' || i, 'user-' || i || '@example.com', ?3 + (i % 86400) * 1000,
        ?3 + 86400000,
        CASE (i / 10) % 20 WHEN 0 THEN 'dead' WHEN 1 THEN 'skipped' ELSE
            CASE WHEN (i / 10) % 2 = 0 THEN 'queued' ELSE 'migrated' END END,
        CASE (i / 10) % 20 WHEN 0 THEN 'member_missing' WHEN 1 THEN 'expired' END
    FROM n";

const MAPPINGS: &str = "
    INSERT INTO mappings (session_id, organization_id, member_id, member_session_id, expires_at,
        created_at)
    SELECT id, 'organization-id', 'member-' || id, 'session-' || id, session_expires_at, ?1
    FROM sessions WHERE state = 'migrated'";

/// Adds to the ledger in this data folder, on which nobody works, until it has so many sessions.
pub(super) async fn fill(data: &Path, sessions: u64) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(data.join("ledger.sqlite"))
        .synchronous(SqliteSynchronous::Off);
    let mut ledger = SqliteConnection::connect_with(&options).await?;
    let known: i64 = sqlx::query_scalar("SELECT MAX(id) FROM sessions")
        .fetch_one(&mut ledger)
        .await?;
    let now: i64 = sqlx::query_scalar("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")
        .fetch_one(&mut ledger)
        .await?;
    sqlx::query(RUNS).execute(&mut ledger).await?;
    sqlx::query(SESSIONS)
        .bind(known)
        .bind(i64::try_from(sessions)?)
        .bind(now)
        .execute(&mut ledger)
        .await?;
    sqlx::query(MAPPINGS).bind(now).execute(&mut ledger).await?;
    sqlx::query(
        "UPDATE runs SET rows_read = (SELECT COUNT(*) FROM sessions AS s WHERE s.run_id = runs.id)",
    )
    .execute(&mut ledger)
    .await?;
    ledger.close().await?;
    Ok(())
}
