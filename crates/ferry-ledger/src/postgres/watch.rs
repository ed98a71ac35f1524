//! Pause a run in which one cause befalls many people's sessions.
//!
//! A run's watch is locked before the run's row, by who watches as by who resumes.

use ferry_core::id::RunId;
use ferry_core::reason::PauseCause;

use super::PostgresChange;
use crate::LedgerError;

impl PostgresChange {
    /// The run's watch, kept until the end; `None` if the run is not active.
    pub(crate) async fn lock_watch(&mut self, run: RunId) -> Result<Option<String>, LedgerError> {
        // What conflicts is locked, also where it is then not updated.
        sqlx::query(
            "/* watch: lock */ INSERT INTO burst_watches (run_id, watch) VALUES ($1, '')
             ON CONFLICT (run_id) DO UPDATE SET watch = '' WHERE false",
        )
        .bind(run.0)
        .execute(&mut *self.transaction)
        .await?;
        let watch = sqlx::query_scalar(
            "/* watch: look */ SELECT w.watch FROM burst_watches AS w
             JOIN runs AS r ON r.id = w.run_id WHERE w.run_id = $1 AND r.state = 'active'",
        )
        .bind(run.0)
        .fetch_optional(&mut *self.transaction)
        .await?;
        Ok(watch)
    }

    pub(crate) async fn write_watch(&mut self, run: RunId, watch: &str) -> Result<(), LedgerError> {
        sqlx::query("/* watch */ UPDATE burst_watches SET watch = $2 WHERE run_id = $1")
            .bind(run.0)
            .bind(watch)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Whether it was active.
    pub(crate) async fn pause(
        &mut self,
        run: RunId,
        cause: PauseCause,
    ) -> Result<bool, LedgerError> {
        let paused = sqlx::query(
            "/* pause */ UPDATE runs SET state = 'paused', pause_cause = $2
             WHERE id = $1 AND state = 'active'",
        )
        .bind(run.0)
        .bind(<&str>::from(cause))
        .execute(&mut *self.transaction)
        .await?;
        Ok(paused.rows_affected() > 0)
    }

    /// Goes on with a run if it is paused, with a new watch.
    pub(crate) async fn resume(&mut self, run: RunId) -> Result<(), LedgerError> {
        for statement in [
            "/* resume: watch */ DELETE FROM burst_watches WHERE run_id = $1
                 AND EXISTS (SELECT FROM runs WHERE id = $1 AND state = 'paused')",
            "/* resume */ UPDATE runs SET state = 'active', pause_cause = NULL
             WHERE id = $1 AND state = 'paused'",
        ] {
            sqlx::query(statement)
                .bind(run.0)
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }
}
