//! Whose turn it is, of one person's sessions.

use ferry_core::budget::Moment;

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;
use crate::subjects::{StoredSubject, SubjectKey};

impl SqliteLedger {
    pub(crate) async fn forget_idle_subjects(&self) -> Result<u64, LedgerError> {
        let done = sqlx::query(
            "/* forget_idle_subjects */ DELETE FROM subject_budgets
             WHERE full_at <= ?1 AND promised_until <= ?1",
        )
        .bind(self.clock.moment().as_micros())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }
}

impl SqliteChange {
    /// Those that there are, and the time at which this change began.
    pub(crate) async fn lock_subjects(
        &mut self,
        keys: &[&[u8]],
    ) -> Result<(Moment, Vec<StoredSubject>), LedgerError> {
        let keys: Vec<_> = keys.iter().map(hex::encode).collect();
        let rows = sqlx::query_as(
            "/* claim: look at subjects */ SELECT subject, full_at, promised_until
             FROM subject_budgets
             WHERE subject IN (SELECT unhex(value) FROM json_each(?1))",
        )
        .bind(json_rows(&keys))
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok((self.began.now, rows))
    }

    pub(crate) async fn write_subjects(
        &mut self,
        rows: &[(&SubjectKey, i64, i64)],
    ) -> Result<(), LedgerError> {
        let rows: Vec<_> = rows
            .iter()
            .map(|(key, full_at, promised_until)| (hex::encode(key), full_at, promised_until))
            .collect();
        sqlx::query(
            "/* claim: subjects */ INSERT OR REPLACE INTO subject_budgets
                 (subject, full_at, promised_until)
             SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each(?1)",
        )
        .bind(json_rows(&rows))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
