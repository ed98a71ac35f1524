//! Roles that one process at a time has.

use std::time::Duration;

use ferry_core::id::WorkerId;

use super::PostgresLedger;
use crate::LedgerError;
use crate::register::milliseconds;

impl PostgresLedger {
    pub(crate) async fn take_role(
        &self,
        role: &str,
        worker: WorkerId,
        term: Duration,
    ) -> Result<bool, LedgerError> {
        let taken = sqlx::query(
            "/* take_role */ INSERT INTO leases (role, holder, held_until)
             VALUES ($1, $2, ferry_now() + $3)
             ON CONFLICT (role) DO UPDATE SET holder = $2, held_until = ferry_now() + $3
             WHERE leases.holder = $2 OR leases.held_until <= ferry_now()",
        )
        .bind(role)
        .bind(&worker.0[..])
        .bind(milliseconds(term))
        .execute(&self.pool)
        .await?;
        Ok(taken.rows_affected() > 0)
    }

    pub(crate) async fn leave_role(&self, role: &str, worker: WorkerId) -> Result<(), LedgerError> {
        sqlx::query("/* leave_role */ DELETE FROM leases WHERE role = $1 AND holder = $2")
            .bind(role)
            .bind(&worker.0[..])
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
