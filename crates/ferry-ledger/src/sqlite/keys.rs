//! Which key ring the ledger was made with.

use super::SqliteLedger;
use crate::LedgerError;
use crate::seal::KeyChecks;

impl SqliteLedger {
    /// What the ledger is marked with; nothing if it is fresh.
    pub(crate) async fn key_checks(&self) -> Result<Vec<(String, Vec<u8>)>, LedgerError> {
        let known = sqlx::query_as("/* check_keys */ SELECT name, value FROM key_checks");
        Ok(known.fetch_all(&self.writer).await?)
    }

    /// Marks a fresh ledger.
    pub(crate) async fn mark_keys(&self, checks: &KeyChecks) -> Result<(), LedgerError> {
        sqlx::query(
            "/* mark_keys */ INSERT INTO key_checks VALUES ('seal', ?1), ('lookup', ?2)
             ON CONFLICT DO NOTHING",
        )
        .bind(&checks.seal[..])
        .bind(&checks.lookup[..])
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}
