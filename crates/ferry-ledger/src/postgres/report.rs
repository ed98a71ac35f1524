//! Books, failures and audit of a run.

use ferry_core::id::RunId;

use super::PostgresLedger;
use crate::LedgerError;
use crate::report::{AuditRow, CountedRow, FailureRow, StatesRow};

impl PostgresLedger {
    pub(crate) async fn books(&self, run: RunId) -> Result<(CountedRow, StatesRow), LedgerError> {
        // One snapshot for both, or a batch registered in between unbalances them.
        let mut snapshot = self.look_through().await?;
        let counted = sqlx::query_as(
            "/* books: counted */ SELECT rows_read, rejected, duplicates, handed_over
             FROM runs WHERE id = $1",
        )
        .bind(run.0)
        .fetch_one(&mut *snapshot)
        .await?;
        let states = sqlx::query_as(
            "/* books */ SELECT
                 COUNT(*) FILTER (WHERE state = 'queued') AS queued,
                 COUNT(*) FILTER (WHERE state = 'running') AS running,
                 COUNT(*) FILTER (WHERE state = 'waiting') AS waiting,
                 COUNT(*) FILTER (WHERE state = 'migrated') AS migrated,
                 COUNT(*) FILTER (WHERE state = 'skipped') AS skipped,
                 COUNT(*) FILTER (WHERE state = 'dead') AS dead
             FROM sessions WHERE run_id = $1",
        )
        .bind(run.0)
        .fetch_one(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok((counted, states))
    }

    pub(crate) async fn failures(&self, run: RunId) -> Result<Vec<FailureRow>, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let rows = sqlx::query_as(
            "/* failures */ SELECT state, reason, error_type, COUNT(*) AS count,
                 MIN(source_row) AS example
             FROM sessions WHERE run_id = $1 AND state IN ('skipped', 'dead')
             GROUP BY state, reason, error_type
             ORDER BY count DESC, reason COLLATE \"C\", error_type COLLATE \"C\" NULLS FIRST",
        )
        .bind(run.0)
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok(rows)
    }

    pub(crate) async fn audit(&self, run: RunId) -> Result<AuditRow, LedgerError> {
        let row = sqlx::query_as(
            "/* audit */ SELECT
                 COUNT(*) FILTER (WHERE state = 'unresolved') AS unresolved,
                 COUNT(*) FILTER (WHERE state = 'unverifiable') AS unverifiable,
                 COUNT(*) FILTER (WHERE state = 'swept') AS second_look,
                 COALESCE(SUM(revoked), 0)::bigint AS revoked
             FROM unresolved_attempts WHERE run_id = $1",
        );
        Ok(row.bind(run.0).fetch_one(&self.pool).await?)
    }
    /// Minutes since the Unix epoch, and how many expire within each.
    pub(crate) async fn expiries(&self, run: RunId) -> Result<Vec<(i64, i64)>, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let counts = sqlx::query_as(
            "/* expiries */ SELECT token_expires_at / 60000 AS minute, COUNT(*) FROM sessions
             WHERE run_id = $1 AND state IN ('queued', 'waiting', 'running') GROUP BY minute",
        )
        .bind(run.0)
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok(counts)
    }
}
