//! Legacy session → Stytch session.

use ferry_core::id::LegacyKey;

use super::PostgresLedger;
use crate::LedgerError;
use crate::mappings::MappingRow;

impl PostgresLedger {
    pub(crate) async fn lookup(&self, key: LegacyKey) -> Result<Option<MappingRow>, LedgerError> {
        let row = sqlx::query_as(
            "/* lookup */ SELECT s.legacy_key, s.run_id, s.source_row, m.session_id,
                 m.organization_id, m.member_id, m.member_session_id, m.session_token,
                 m.expires_at, m.state
             FROM sessions AS s JOIN mappings AS m ON m.session_id = s.id WHERE s.legacy_key = $1",
        )
        .bind(&key.0[..])
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    pub(crate) async fn mappings(
        &self,
        run: Option<i64>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<MappingRow>, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let rows = sqlx::query_as(
            "/* mappings */ SELECT s.legacy_key, s.run_id, s.source_row, m.session_id,
                 m.organization_id, m.member_id, m.member_session_id, m.session_token,
                 m.expires_at, m.state
             FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
             WHERE m.session_id > $1 AND ($3::bigint IS NULL OR s.run_id = $3)
             ORDER BY m.session_id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .bind(run)
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok(rows)
    }

    pub(crate) async fn mappings_to(
        &self,
        member_session_ids: &[String],
    ) -> Result<Vec<MappingRow>, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let rows = sqlx::query_as(
            "/* mappings: to */ SELECT s.legacy_key, s.run_id, s.source_row, m.session_id,
                 m.organization_id, m.member_id, m.member_session_id, m.session_token,
                 m.expires_at, m.state
             FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
             WHERE m.member_session_id = ANY($1)",
        )
        .bind(member_session_ids)
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok(rows)
    }
}
