//! Roles that one process at a time has.
//!
//! A role saves work; nothing depends on it. Two dispatchers publish some messages twice, and the
//! claim decides; two sweepers revoke by the same list, which is read after Stytch's.

use std::time::Duration;

use ferry_core::id::WorkerId;
use strum::IntoStaticStr;

use crate::database::either;
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
        let role = <&str>::from(role);
        either!(&self.database, database => database.take_role(role, worker, term).await)
    }

    /// Lets somebody else take the role at once.
    pub async fn leave_role(&self, role: Role, worker: WorkerId) -> Result<(), LedgerError> {
        let role = <&str>::from(role);
        either!(&self.database, database => database.leave_role(role, worker).await)
    }
}
