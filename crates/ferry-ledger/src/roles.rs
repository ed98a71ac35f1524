//! Roles that one process at a time has.
//!
//! A role saves work; nothing depends on it. Two dispatchers publish some messages twice, and the
//! claim decides; two sweepers revoke by the same list, which is read after Stytch's.

use std::time::Duration;

use ferry_core::id::WorkerId;
use strum::IntoStaticStr;

use crate::{Ledger, LedgerError};

/// What one process does for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Publishes what is due.
    Dispatcher,
    /// Looks up attempts of unknown outcome.
    Sweeper,
}

impl Ledger {
    /// Takes the role for the length of `term`, or keeps it for so long from now. False: somebody
    /// else has it.
    pub async fn take_role(
        &self,
        role: Role,
        worker: WorkerId,
        term: Duration,
    ) -> Result<bool, LedgerError> {
        let now = self.now();
        let taken = sqlx::query(
            "/* take_role */ INSERT INTO leases (role, holder, held_until) VALUES (?1, ?2, ?3)
             ON CONFLICT (role) DO UPDATE SET holder = ?2, held_until = ?3
             WHERE leases.holder = ?2 OR leases.held_until <= ?4",
        )
        .bind(<&str>::from(&role))
        .bind(&worker.0[..])
        .bind(now.plus(term).as_millis())
        .bind(now.as_millis())
        .execute(&self.writer)
        .await?;
        Ok(taken.rows_affected() > 0)
    }

    /// Lets somebody else take the role at once.
    pub async fn leave_role(&self, role: Role, worker: WorkerId) -> Result<(), LedgerError> {
        sqlx::query("/* leave_role */ DELETE FROM leases WHERE role = ?1 AND holder = ?2")
            .bind(<&str>::from(&role))
            .bind(&worker.0[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
