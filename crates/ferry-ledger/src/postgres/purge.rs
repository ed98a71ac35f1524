//! Wipe what is kept for no good any more.

use ferry_core::Timestamp;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;
use crate::purge::Retention;

impl PostgresLedger {
    pub(crate) async fn purgeable(
        &self,
        retention: &Retention,
        now: Timestamp,
    ) -> Result<(i64, i64), LedgerError> {
        let mut snapshot = self.look_through().await?;
        let tokens = sqlx::query_scalar(
            "/* purge: count tokens */ SELECT COUNT(*)
                 FROM session_secrets AS x JOIN sessions AS s ON s.id = x.session_id
                     LEFT JOIN dead_letters AS d ON d.session_id = s.id
                 WHERE s.state = 'dead' AND (s.token_expires_at <= $1 OR d.died_at < $2)",
        )
        .bind(now.as_millis())
        .bind(retention.died_before.as_millis())
        .fetch_one(&mut *snapshot)
        .await?;
        let mappings = sqlx::query_scalar(
            "/* purge: count mappings */ SELECT COUNT(*) FROM mappings
             WHERE expires_at < $1 AND session_token IS NOT NULL",
        )
        .bind(retention.ended_before.as_millis())
        .fetch_one(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok((tokens, mappings))
    }
}

impl PostgresChange {
    pub(crate) async fn purge_tokens(
        &mut self,
        retention: &Retention,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, LedgerError> {
        let done = sqlx::query(
            "/* purge: tokens */ DELETE FROM session_secrets WHERE session_id IN (
                 SELECT x.session_id FROM session_secrets AS x JOIN sessions AS s ON s.id = x.session_id
                     LEFT JOIN dead_letters AS d ON d.session_id = s.id
                 WHERE s.state = 'dead' AND (s.token_expires_at <= $1 OR d.died_at < $2)
                 LIMIT $3 FOR UPDATE OF s)",
        )
        .bind(now.as_millis())
        .bind(retention.died_before.as_millis())
        .bind(i64::from(limit))
        .execute(&mut *self.transaction)
        .await?;
        Ok(done.rows_affected())
    }

    pub(crate) async fn purge_mappings(
        &mut self,
        retention: &Retention,
        limit: u32,
    ) -> Result<u64, LedgerError> {
        let done = sqlx::query(
            "/* purge: mappings */ UPDATE mappings SET session_token = NULL,
                 state = CASE WHEN state = 'revoked' THEN state ELSE 'expired' END
             WHERE session_id IN (SELECT session_id FROM mappings
                 WHERE expires_at < $1 AND session_token IS NOT NULL LIMIT $2)",
        )
        .bind(retention.ended_before.as_millis())
        .bind(i64::from(limit))
        .execute(&mut *self.transaction)
        .await?;
        Ok(done.rows_affected())
    }
}
