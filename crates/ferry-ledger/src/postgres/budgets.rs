//! Ask for permits of the rates that all workers share.

use std::time::Instant;

use ferry_core::budget::Moment;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;
use crate::budgets::StoredBudget;
use crate::clock::Reading;

/// Names, times, ceilings, and the clock. Arrays of nothing are null.
type Locked = (
    Option<Vec<String>>,
    Option<Vec<i64>>,
    Option<Vec<i64>>,
    Option<Vec<String>>,
    i64,
);

impl PostgresLedger {
    /// Makes those that there are not.
    pub(crate) async fn make_budgets(&self, names: &[&str]) -> Result<(), LedgerError> {
        sqlx::query(
            "/* ask: make */ INSERT INTO budgets (name, next_at, reserved_next_at, ceiling)
             SELECT name, 0, 0, '' FROM unnest($1::text[]) AS b (name) ORDER BY name
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(names)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(crate) async fn budgets(&self) -> Result<Vec<StoredBudget>, LedgerError> {
        let rows = sqlx::query_as(
            "/* budgets */ SELECT name, next_at, reserved_next_at, ceiling FROM budgets
             ORDER BY name",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

impl PostgresChange {
    /// Waits for the rows in the order of their names, keeps them until the end, and then reads the
    /// clock: what stands beside aggregates is reckoned when all rows are in.
    pub(crate) async fn lock_budgets(
        &mut self,
        names: &[&str],
    ) -> Result<(Reading, Vec<StoredBudget>), LedgerError> {
        let asked = Instant::now();
        let (found, next, reserved, ceilings, now): Locked = sqlx::query_as(
            "/* ask: lock */ WITH locked AS MATERIALIZED (
                 SELECT name, next_at, reserved_next_at, ceiling FROM budgets
                 WHERE name = ANY($1) ORDER BY name FOR UPDATE)
             SELECT array_agg(name), array_agg(next_at), array_agg(reserved_next_at),
                 array_agg(ceiling), ferry_now_micros()
             FROM locked",
        )
        .bind(names)
        .fetch_one(&mut *self.transaction)
        .await?;
        let reading = Reading {
            now: Moment::from_micros(now),
            asked,
            answered: Instant::now(),
        };
        let times = next
            .unwrap_or_default()
            .into_iter()
            .zip(reserved.unwrap_or_default());
        let rows = found.unwrap_or_default().into_iter().zip(times);
        let rows = rows.zip(ceilings.unwrap_or_default());
        let rows = rows.map(
            |((name, (next_at, reserved_next_at)), ceiling)| StoredBudget {
                name,
                next_at,
                reserved_next_at,
                ceiling,
            },
        );
        Ok((reading, rows.collect()))
    }

    pub(crate) async fn write_budgets(&mut self, rows: &[StoredBudget]) -> Result<(), LedgerError> {
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        let next: Vec<_> = rows.iter().map(|row| row.next_at).collect();
        let reserved: Vec<_> = rows.iter().map(|row| row.reserved_next_at).collect();
        let ceilings: Vec<_> = rows.iter().map(|row| row.ceiling.as_str()).collect();
        sqlx::query(
            "/* ask */ UPDATE budgets AS b SET next_at = n.next_at,
                 reserved_next_at = n.reserved_next_at, ceiling = n.ceiling
             FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[])
                 AS n (name, next_at, reserved_next_at, ceiling)
             WHERE b.name = n.name",
        )
        .bind(names)
        .bind(next)
        .bind(reserved)
        .bind(ceilings)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
