//! Roles that one process at a time has.

use std::time::Duration;

use ferry_core::id::WorkerId;

use super::SqliteLedger;
use crate::LedgerError;

impl SqliteLedger {
    pub(crate) async fn take_role(
        &self,
        role: &str,
        worker: WorkerId,
        term: Duration,
    ) -> Result<bool, LedgerError> {
        let now = self.now();
        let taken = sqlx::query(
            "/* take_role */ INSERT INTO leases (role, holder, held_until) VALUES (?1, ?2, ?3)
             ON CONFLICT (role) DO UPDATE SET holder = ?2, held_until = ?3
             WHERE leases.holder = ?2 OR leases.held_until <= ?4",
        )
        .bind(role)
        .bind(&worker.0[..])
        .bind(now.plus(term).as_millis())
        .bind(now.as_millis())
        .execute(&self.writer)
        .await?;
        Ok(taken.rows_affected() > 0)
    }

    pub(crate) async fn leave_role(&self, role: &str, worker: WorkerId) -> Result<(), LedgerError> {
        sqlx::query("/* leave_role */ DELETE FROM leases WHERE role = ?1 AND holder = ?2")
            .bind(role)
            .bind(&worker.0[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
