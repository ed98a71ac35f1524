//! Begin, pause, resume and finish a run.

use std::time::Instant;

use ferry_core::id::RunId;

use super::SqliteLedger;
use crate::LedgerError;
use crate::runs::{RunRow, RunSource};

const COLUMNS: &str = "id, name, source, state, pause_cause, rows_read, began_at, finished_at";

impl SqliteLedger {
    /// Begins the run unless it is known; returns what its export is told by.
    pub(crate) async fn begin_run(&self, source: &RunSource) -> Result<Vec<u8>, LedgerError> {
        sqlx::query(
            "/* begin_run */ INSERT INTO runs (name, source, source_digest, state, began_at)
             VALUES (?1, ?2, ?3, 'registering', ?4) ON CONFLICT (name) DO NOTHING",
        )
        .bind(&source.name)
        .bind(&source.location)
        .bind(&source.digest[..])
        .bind(self.now().as_millis())
        .execute(&self.writer)
        .await?;
        let digest = sqlx::query_scalar(
            "/* begin_run: known? */ SELECT source_digest FROM runs WHERE name = ?1",
        );
        Ok(digest.bind(&source.name).fetch_one(&self.writer).await?)
    }

    pub(crate) async fn run(&self, name: &str) -> Result<Option<RunRow>, LedgerError> {
        let row = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "/* run */ SELECT {COLUMNS} FROM runs WHERE name = ?1"
        )));
        Ok(row.bind(name).fetch_optional(&self.readers).await?)
    }

    pub(crate) async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "/* runs */ SELECT {COLUMNS} FROM runs ORDER BY id DESC"
        )));
        Ok(rows.fetch_all(&self.readers).await?)
    }

    pub(crate) async fn end_registering(&self, run: RunId) -> Result<(), LedgerError> {
        let began = Instant::now();
        // Not in a migration: see migrations/sqlite/0003_sessions.sql.
        sqlx::query(
            "/* end_registering: index */ CREATE INDEX IF NOT EXISTS sessions_by_urgency
             ON sessions (run_id, token_expires_at, id)",
        )
        .execute(&self.writer)
        .await?;
        tracing::debug!(run.id = %run, seconds = began.elapsed().as_secs_f64(), "index built");
        sqlx::query(
            "/* end_registering */ UPDATE runs SET state = 'active', registered_at = ?2
             WHERE id = ?1 AND state = 'registering'",
        )
        .bind(run.0)
        .bind(self.now().as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(crate) async fn begin_audit(&self, run: RunId) -> Result<(), LedgerError> {
        sqlx::query(
            "/* settle: audit */ UPDATE runs SET state = 'auditing'
             WHERE id = ?1 AND state = 'active' AND NOT EXISTS (
                 SELECT 1 FROM sessions
                 WHERE +run_id = ?1 AND state IN ('queued', 'running', 'waiting'))",
        )
        .bind(run.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(crate) async fn end_audit(&self, run: RunId) -> Result<(), LedgerError> {
        sqlx::query(
            "/* settle: finish */ UPDATE runs SET state = 'finished', finished_at = ?2
             WHERE id = ?1 AND state = 'auditing' AND NOT EXISTS (
                 SELECT 1 FROM unresolved_attempts WHERE run_id = ?1 AND state = 'unresolved')",
        )
        .bind(run.0)
        .bind(self.now().as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(crate) async fn state(&self, run: RunId) -> Result<String, LedgerError> {
        let state = sqlx::query_scalar("/* state */ SELECT state FROM runs WHERE id = ?1");
        Ok(state.bind(run.0).fetch_one(&self.readers).await?)
    }

    pub(crate) async fn active_runs(&self) -> Result<Vec<i64>, LedgerError> {
        let runs = sqlx::query_scalar(
            "/* active_runs */ SELECT id FROM runs WHERE state = 'active' ORDER BY id",
        );
        Ok(runs.fetch_all(&self.readers).await?)
    }

    /// Whether any session of the run is not final. On a reader, so that a long look through many
    /// final ones holds no writer up.
    pub(crate) async fn has_open_sessions(&self, run: RunId) -> Result<bool, LedgerError> {
        let waits: bool = sqlx::query_scalar(
            "/* open: waiting? */ SELECT EXISTS (SELECT 1 FROM waiting WHERE run_id = ?1)",
        )
        .bind(run.0)
        .fetch_one(&self.readers)
        .await?;
        let open = sqlx::query_scalar(
            "/* open? */ SELECT EXISTS (SELECT 1 FROM sessions
             WHERE +run_id = ?1 AND state IN ('queued', 'running', 'waiting'))",
        )
        .bind(run.0);
        Ok(waits || open.fetch_one(&self.readers).await?)
    }

    pub(crate) async fn void_leases(&self) -> Result<u64, LedgerError> {
        for forget in [
            "/* void_leases: roles */ DELETE FROM leases",
            "/* void_leases: workers */ DELETE FROM workers",
        ] {
            sqlx::query(forget).execute(&self.writer).await?;
        }
        let done = sqlx::query(
            "/* void_leases */ UPDATE sessions SET lease_until = 0 WHERE state = 'running'",
        )
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }
}
