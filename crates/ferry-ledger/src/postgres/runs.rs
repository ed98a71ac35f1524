//! Begin, pause, resume and finish a run.

use ferry_core::id::RunId;

use super::PostgresLedger;
use crate::LedgerError;
use crate::runs::{RunRow, RunSource};

const COLUMNS: &str = "id, name, source, state, pause_cause, rows_read, began_at, finished_at";

impl PostgresLedger {
    /// Begins the run unless it is known; returns what its export is told by.
    pub(crate) async fn begin_run(&self, source: &RunSource) -> Result<Vec<u8>, LedgerError> {
        sqlx::query(
            "/* begin_run */ INSERT INTO runs (name, source, source_digest, state, began_at)
             VALUES ($1, $2, $3, 'registering', ferry_now()) ON CONFLICT (name) DO NOTHING",
        )
        .bind(&source.name)
        .bind(&source.location)
        .bind(&source.digest[..])
        .execute(&self.pool)
        .await?;
        let digest = sqlx::query_scalar(
            "/* begin_run: known? */ SELECT source_digest FROM runs WHERE name = $1",
        );
        Ok(digest.bind(&source.name).fetch_one(&self.pool).await?)
    }

    pub(crate) async fn run(&self, name: &str) -> Result<Option<RunRow>, LedgerError> {
        let row = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "/* run */ SELECT {COLUMNS} FROM runs WHERE name = $1"
        )));
        Ok(row.bind(name).fetch_optional(&self.pool).await?)
    }

    pub(crate) async fn runs(&self) -> Result<Vec<RunRow>, LedgerError> {
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "/* runs */ SELECT {COLUMNS} FROM runs ORDER BY id DESC"
        )));
        Ok(rows.fetch_all(&self.pool).await?)
    }

    pub(crate) async fn end_registering(&self, run: RunId) -> Result<(), LedgerError> {
        // Autovacuum would come to it in a minute. Until then the planner takes the run for small,
        // and sorts all of it at each look of the dispatcher.
        sqlx::query(
            "/* end_registering: statistics */ ANALYZE (SKIP_LOCKED) sessions, session_secrets",
        )
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "/* end_registering */ UPDATE runs SET state = 'active', registered_at = ferry_now()
             WHERE id = $1 AND state = 'registering'",
        )
        .bind(run.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What is final stays so, unless another run takes it or an operator replays it. A replay
    /// counts itself in the run's row, so that one which comes while this looks through the sessions
    /// is seen when it comes to that row.
    pub(crate) async fn begin_audit(&self, run: RunId) -> Result<(), LedgerError> {
        let mut transaction = self.write().await?.transaction;
        sqlx::query("SET LOCAL statement_timeout = '10min'")
            .execute(&mut *transaction)
            .await?;
        let replays: i64 =
            sqlx::query_scalar("/* settle: replays */ SELECT replays FROM runs WHERE id = $1")
                .bind(run.0)
                .fetch_one(&mut *transaction)
                .await?;
        sqlx::query(
            "/* settle: audit */ UPDATE runs SET state = 'auditing'
             WHERE id = $1 AND state = 'active' AND replays = $2 AND NOT EXISTS (
                 SELECT 1 FROM sessions
                 WHERE run_id = $1 AND state IN ('queued', 'running', 'waiting'))",
        )
        .bind(run.0)
        .bind(replays)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn end_audit(&self, run: RunId) -> Result<(), LedgerError> {
        let mut transaction = self.write().await?.transaction;
        // First lock, then look: a late result may list its attempt again at this moment.
        sqlx::query("/* settle: lock */ SELECT FROM runs WHERE id = $1 FOR UPDATE")
            .bind(run.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "/* settle: finish */ UPDATE runs SET state = 'finished', finished_at = ferry_now()
             WHERE id = $1 AND state = 'auditing' AND NOT EXISTS (
                 SELECT 1 FROM unresolved_attempts WHERE run_id = $1 AND state = 'unresolved')",
        )
        .bind(run.0)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn state(&self, run: RunId) -> Result<String, LedgerError> {
        let state = sqlx::query_scalar("/* state */ SELECT state FROM runs WHERE id = $1");
        Ok(state.bind(run.0).fetch_one(&self.pool).await?)
    }

    pub(crate) async fn active_runs(&self) -> Result<Vec<i64>, LedgerError> {
        let runs = sqlx::query_scalar(
            "/* active_runs */ SELECT id FROM runs WHERE state = 'active' ORDER BY id",
        );
        Ok(runs.fetch_all(&self.pool).await?)
    }

    /// Whether any session of the run is not final: looked at first, so that a run that goes on is
    /// not locked each time.
    pub(crate) async fn has_open_sessions(&self, run: RunId) -> Result<bool, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let open = sqlx::query_scalar(
            "/* open? */ SELECT EXISTS (SELECT 1 FROM waiting WHERE run_id = $1)
                 OR EXISTS (SELECT 1 FROM sessions
                     WHERE run_id = $1 AND state IN ('queued', 'running', 'waiting'))",
        )
        .bind(run.0)
        .fetch_one(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok(open)
    }

    pub(crate) async fn void_leases(&self) -> Result<u64, LedgerError> {
        for forget in [
            "/* void_leases: roles */ DELETE FROM leases",
            "/* void_leases: workers */ DELETE FROM workers",
        ] {
            sqlx::query(forget).execute(&self.pool).await?;
        }
        let done = sqlx::query(
            "/* void_leases */ UPDATE sessions SET lease_until = 0 WHERE state = 'running'",
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
