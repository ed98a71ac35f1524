//! What came of a run's sessions, over time.

use ferry_core::id::RunId;

use super::SqliteLedger;
use crate::LedgerError;
use crate::timeline::Series;

impl SqliteLedger {
    pub(crate) async fn extent(
        &self,
        run: RunId,
        series: Series,
    ) -> Result<(Option<i64>, Option<i64>), LedgerError> {
        let statement = match series {
            Series::Carried => {
                "/* extent */ SELECT MIN(m.created_at), MAX(m.created_at)
                 FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
                 WHERE +s.run_id = ?1"
            }
            Series::Failed => {
                "/* extent */ SELECT MIN(ended_at), MAX(ended_at)
                 FROM attempts WHERE run_id = ?1"
            }
            Series::Ends => {
                "/* extent */ SELECT MIN(m.expires_at), MAX(m.expires_at)
                 FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
                 WHERE +s.run_id = ?1 AND m.state IN ('live', 'claimed')"
            }
        };
        let extent = sqlx::query_as(statement)
            .bind(run.0)
            .fetch_one(&self.readers)
            .await?;
        Ok(extent)
    }

    /// The number of each span that has any, and how many.
    pub(crate) async fn timeline(
        &self,
        run: RunId,
        series: Series,
        from: i64,
        span_millis: i64,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let statement = match series {
            Series::Carried => {
                "/* timeline */ SELECT (m.created_at - ?2) / ?3 AS span, COUNT(*)
                 FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
                 WHERE +s.run_id = ?1 AND m.created_at >= ?2 GROUP BY span"
            }
            Series::Failed => {
                "/* timeline */ SELECT (ended_at - ?2) / ?3 AS span, COUNT(*)
                 FROM attempts WHERE run_id = ?1 AND ended_at >= ?2 GROUP BY span"
            }
            Series::Ends => {
                "/* timeline */ SELECT (m.expires_at - ?2) / ?3 AS span, COUNT(*)
                 FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
                 WHERE +s.run_id = ?1 AND m.state IN ('live', 'claimed') AND m.expires_at >= ?2 GROUP BY span"
            }
        };
        let counts = sqlx::query_as(statement)
            .bind(run.0)
            .bind(from)
            .bind(span_millis)
            .fetch_all(&self.readers)
            .await?;
        Ok(counts)
    }
}
