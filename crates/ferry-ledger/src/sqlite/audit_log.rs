//! What operators did.

use super::SqliteLedger;
use crate::LedgerError;
use crate::audit_log::{DeedId, DeedRow};

impl SqliteLedger {
    pub(crate) async fn note_deed(
        &self,
        who: &str,
        action: &'static str,
        subject: &str,
        affected: i64,
    ) -> Result<i64, LedgerError> {
        let id = sqlx::query_scalar(
            "/* audit log: note */ INSERT INTO audit_log (at, who, action, subject, affected)
             VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
        )
        .bind(self.now().as_millis())
        .bind(who)
        .bind(action)
        .bind(subject)
        .bind(affected)
        .fetch_one(&self.writer)
        .await?;
        Ok(id)
    }

    pub(crate) async fn extend_deed(&self, deed: DeedId, affected: i64) -> Result<(), LedgerError> {
        sqlx::query(
            "/* audit log: extend */ UPDATE audit_log SET affected = affected + ?2 WHERE id = ?1",
        )
        .bind(deed.0)
        .bind(affected)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(crate) async fn deeds(&self, before: i64, limit: u32) -> Result<Vec<DeedRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* audit log */ SELECT id, at, who, action, subject, affected FROM audit_log
             WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        );
        Ok(rows
            .bind(before)
            .bind(limit)
            .fetch_all(&self.readers)
            .await?)
    }
}
