//! Legacy session → Stytch session.

use ferry_core::id::LegacyKey;

use super::SqliteLedger;
use super::rows::json_rows;
use crate::LedgerError;
use crate::mappings::MappingRow;

impl SqliteLedger {
    pub(crate) async fn lookup(&self, key: LegacyKey) -> Result<Option<MappingRow>, LedgerError> {
        let row = sqlx::query_as(
            "/* lookup */ SELECT s.legacy_key, s.run_id, s.source_row, m.* FROM sessions AS s
             JOIN mappings AS m ON m.session_id = s.id WHERE s.legacy_key = ?1",
        )
        .bind(&key.0[..])
        .fetch_optional(&self.readers)
        .await?;
        Ok(row)
    }

    pub(crate) async fn mappings(
        &self,
        run: Option<i64>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<MappingRow>, LedgerError> {
        // Walked from the mappings, which are in that order: the + keeps SQLite from beginning with
        // all sessions of the run.
        let rows = sqlx::query_as(
            "/* mappings */ SELECT s.legacy_key, s.run_id, s.source_row, m.*
             FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
             WHERE m.session_id > ?1 AND (?3 IS NULL OR +s.run_id = ?3)
             ORDER BY m.session_id LIMIT ?2",
        )
        .bind(after)
        .bind(limit)
        .bind(run)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows)
    }

    pub(crate) async fn mappings_to(
        &self,
        member_session_ids: &[String],
    ) -> Result<Vec<MappingRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* mappings: to */ SELECT s.legacy_key, s.run_id, s.source_row, m.*
             FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
             WHERE m.member_session_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(json_rows(member_session_ids))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows)
    }
}
