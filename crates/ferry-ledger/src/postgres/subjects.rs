//! Whose turn it is, of one person's sessions.

use ferry_core::budget::Moment;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;
use crate::subjects::{StoredSubject, SubjectKey};

impl PostgresLedger {
    /// Passes over those that somebody asks for at this moment.
    pub(crate) async fn forget_idle_subjects(&self) -> Result<u64, LedgerError> {
        let done = sqlx::query(
            "/* forget_idle_subjects */ WITH clock AS MATERIALIZED (
                 SELECT ferry_now_micros() AS now),
             idle AS MATERIALIZED (
                 SELECT subject FROM subject_budgets, clock
                 WHERE full_at <= now AND promised_until <= now
                 FOR UPDATE OF subject_budgets SKIP LOCKED)
             DELETE FROM subject_budgets AS b USING idle WHERE b.subject = idle.subject",
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

impl PostgresChange {
    /// Waits for the rows in the order of their keys, makes those that there are not, and keeps all
    /// until the end. Then looks at them, and at the clock.
    pub(crate) async fn lock_subjects(
        &mut self,
        keys: &[&[u8]],
    ) -> Result<(Moment, Vec<StoredSubject>), LedgerError> {
        // What conflicts is locked, also where it is then not updated.
        sqlx::query(
            "/* claim: lock subjects */ INSERT INTO subject_budgets
                 (subject, full_at, promised_until)
             SELECT subject, 0, 0 FROM unnest($1::bytea[]) AS s (subject) ORDER BY subject
             ON CONFLICT (subject) DO UPDATE SET full_at = 0 WHERE false",
        )
        .bind(keys)
        .execute(&mut *self.transaction)
        .await?;
        let rows: Vec<(Vec<u8>, i64, i64, i64)> = sqlx::query_as(
            "/* claim: look at subjects */ SELECT subject, full_at, promised_until,
                 (SELECT ferry_now_micros())
             FROM subject_budgets WHERE subject = ANY($1)",
        )
        .bind(keys)
        .fetch_all(&mut *self.transaction)
        .await?;
        let now = rows.first().map_or(0, |row| row.3);
        let rows = rows
            .into_iter()
            .map(|(subject, full_at, promised_until, _)| (subject, full_at, promised_until));
        Ok((Moment::from_micros(now), rows.collect()))
    }

    pub(crate) async fn write_subjects(
        &mut self,
        rows: &[(&SubjectKey, i64, i64)],
    ) -> Result<(), LedgerError> {
        let keys: Vec<_> = rows.iter().map(|row| &row.0[..]).collect();
        let full: Vec<_> = rows.iter().map(|row| row.1).collect();
        let promised: Vec<_> = rows.iter().map(|row| row.2).collect();
        sqlx::query(
            "/* claim: subjects */ UPDATE subject_budgets AS b
             SET full_at = n.full_at, promised_until = n.promised_until
             FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])
                 AS n (subject, full_at, promised_until)
             WHERE b.subject = n.subject",
        )
        .bind(keys)
        .bind(full)
        .bind(promised)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
