//! Whether a run's sessions and mappings fit together.

use ferry_core::id::RunId;

use super::PostgresLedger;
use crate::LedgerError;
use crate::verify::MappingBooksRow;

impl PostgresLedger {
    pub(crate) async fn mapping_books(
        &self,
        run: RunId,
    ) -> Result<(MappingBooksRow, i64), LedgerError> {
        // One snapshot for both.
        let mut snapshot = self.look_through().await?;
        let books = sqlx::query_as(
            "/* verify: mappings */ SELECT
                 COUNT(*) FILTER (WHERE s.state = 'migrated') AS migrated,
                 COUNT(m.session_id) AS mappings,
                 COUNT(*) FILTER (WHERE m.state IN ('live', 'claimed') AND m.expires_at > (SELECT ferry_now()))
                     AS in_force,
                 COUNT(*) FILTER (WHERE s.state = 'migrated' AND m.session_id IS NULL)
                     AS without_mapping,
                 COUNT(*) FILTER (WHERE s.state <> 'migrated' AND m.session_id IS NOT NULL)
                     AS without_session
             FROM sessions AS s LEFT JOIN mappings AS m ON m.session_id = s.id
             WHERE s.run_id = $1",
        )
        .bind(run.0)
        .fetch_one(&mut *snapshot)
        .await?;
        let shared = sqlx::query_scalar(
            "/* verify: shared */ SELECT COUNT(*) FROM (
                 SELECT 1 FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
                 WHERE s.run_id = $1
                 GROUP BY m.member_session_id HAVING COUNT(*) > 1) AS several",
        )
        .bind(run.0)
        .fetch_one(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok((books, shared))
    }
}
