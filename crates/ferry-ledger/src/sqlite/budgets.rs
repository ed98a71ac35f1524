//! Ask for permits of the rates that all workers share.

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;
use crate::budgets::StoredBudget;
use crate::clock::Reading;

impl SqliteLedger {
    /// Makes those that there are not.
    pub(crate) async fn make_budgets(&self, names: &[&str]) -> Result<(), LedgerError> {
        sqlx::query(
            "/* ask: make */ INSERT INTO budgets (name, next_at, reserved_next_at, ceiling)
             SELECT value, 0, 0, '' FROM json_each(?1) WHERE true ON CONFLICT (name) DO NOTHING",
        )
        .bind(json_rows(names))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(crate) async fn budgets(&self) -> Result<Vec<StoredBudget>, LedgerError> {
        let rows = sqlx::query_as(
            "/* budgets */ SELECT name, next_at, reserved_next_at, ceiling FROM budgets
             ORDER BY name",
        );
        Ok(rows.fetch_all(&self.readers).await?)
    }
}

impl SqliteChange {
    /// The rows, and the time at which this change began.
    pub(crate) async fn lock_budgets(
        &mut self,
        names: &[&str],
    ) -> Result<(Reading, Vec<StoredBudget>), LedgerError> {
        let rows = sqlx::query_as(
            "/* ask: look */ SELECT name, next_at, reserved_next_at, ceiling FROM budgets
             WHERE name IN (SELECT value FROM json_each(?1))",
        )
        .bind(json_rows(names))
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok((self.began, rows))
    }

    pub(crate) async fn write_budgets(&mut self, rows: &[StoredBudget]) -> Result<(), LedgerError> {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (&row.name, row.next_at, row.reserved_next_at, &row.ceiling))
            .collect();
        sqlx::query(
            "/* ask */ UPDATE budgets SET next_at = j.value ->> 1,
                 reserved_next_at = j.value ->> 2, ceiling = j.value ->> 3
             FROM json_each(?1) AS j WHERE name = j.value ->> 0",
        )
        .bind(json_rows(&rows))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
