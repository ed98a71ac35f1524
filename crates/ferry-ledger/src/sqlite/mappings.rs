//! Legacy session → Stytch session.

use ferry_core::id::LegacyKey;

use super::SqliteLedger;
use crate::LedgerError;
use crate::mappings::MappingRow;

impl SqliteLedger {
    pub(crate) async fn lookup(&self, key: LegacyKey) -> Result<Option<MappingRow>, LedgerError> {
        let row = sqlx::query_as(
            "/* lookup */ SELECT s.legacy_key, m.* FROM sessions AS s
             JOIN mappings AS m ON m.session_id = s.id WHERE s.legacy_key = ?1",
        )
        .bind(&key.0[..])
        .fetch_optional(&self.readers)
        .await?;
        Ok(row)
    }

    pub(crate) async fn mappings(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<MappingRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* mappings */ SELECT s.legacy_key, m.*
             FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
             WHERE m.session_id > ?1 ORDER BY m.session_id LIMIT ?2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows)
    }
}
