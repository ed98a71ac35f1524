//! Where one legacy session stands.

use ferry_core::id::LegacyKey;

use super::PostgresLedger;
use crate::LedgerError;
use crate::standing::StandingRow;

impl PostgresLedger {
    pub(crate) async fn standing(
        &self,
        key: LegacyKey,
    ) -> Result<Option<StandingRow>, LedgerError> {
        let row = sqlx::query_as(
            "/* standing */ SELECT s.id, r.name AS run, s.source_row, s.state, s.reason
             FROM sessions AS s JOIN runs AS r ON r.id = s.run_id WHERE s.legacy_key = $1",
        );
        Ok(row.bind(&key.0[..]).fetch_optional(&self.pool).await?)
    }
}
