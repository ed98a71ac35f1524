//! Messages that are not ours.

use secrecy::ExposeSecret;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;
use crate::audit_log::DeedId;
use crate::foreign::{Digest, ForeignRow, SealedForeign, StandingRow};
use crate::register::signed;

impl PostgresLedger {
    pub(crate) async fn foreign_letters(&self) -> Result<Vec<ForeignRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* foreign */ SELECT digest, size, kind, content_type, cause, found_at, times
             FROM foreign_letters ORDER BY found_at DESC, digest",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    pub(crate) async fn foreign_body(
        &self,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, LedgerError> {
        let body = sqlx::query_scalar(
            "/* foreign: body */ SELECT body FROM foreign_letters WHERE digest = $1",
        );
        let body = body.bind(digest.0.to_vec());
        Ok(body.fetch_optional(&self.pool).await?)
    }

    pub(crate) async fn standings(&self, ids: &[i64]) -> Result<Vec<StandingRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* foreign: standings */ SELECT s.id, s.run_id, d.reason,
                 d.session_id IS NOT NULL AND d.discarded_at IS NULL AS mirrored
             FROM sessions AS s
             LEFT JOIN dead_letters AS d ON d.session_id = s.id WHERE s.id = ANY($1)",
        );
        Ok(rows.bind(ids).fetch_all(&self.pool).await?)
    }
}

impl PostgresChange {
    pub(crate) async fn keep_foreign(
        &mut self,
        sealed: &SealedForeign<'_>,
    ) -> Result<(), LedgerError> {
        let letter = sealed.letter;
        sqlx::query(
            "/* foreign: keep */ INSERT INTO foreign_letters (digest, body, size, kind, content_type,
                 cause, found_at)
             VALUES ($1, $2, $3, $4, $5, $6, ferry_now())
             ON CONFLICT (digest) DO UPDATE SET times = foreign_letters.times + 1",
        )
        .bind(sealed.digest.0.to_vec())
        .bind(&sealed.body)
        .bind(signed(letter.body.expose_secret().len() as u64))
        .bind(&letter.kind)
        .bind(&letter.content_type)
        .bind(&letter.cause)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    pub(crate) async fn forget_foreign(
        &mut self,
        digest: Digest,
        deed: DeedId,
    ) -> Result<bool, LedgerError> {
        let done =
            sqlx::query("/* foreign: forget */ DELETE FROM foreign_letters WHERE digest = $1")
                .bind(digest.0.to_vec())
                .execute(&mut *self.transaction)
                .await?;
        self.count_deed(deed, done.rows_affected()).await?;
        Ok(done.rows_affected() > 0)
    }
}
