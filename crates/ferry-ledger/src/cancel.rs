//! Give a run up.

use std::time::Duration;

use ferry_core::id::RunId;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// Sessions in one commit: a cancelled run of millions holds nobody up.
const SESSIONS_PER_COMMIT: u32 = 2_000;

impl Ledger {
    /// Cancels the run: nothing of it is called any more, and what is not final is skipped as
    /// `cancelled`. Returns how many sessions were skipped. After a crash, call it again.
    ///
    /// A call that is under way ends without a record; the sweeper revokes what it mints, once its
    /// lease and `quiet` are over. What was carried stays. A finished run stays finished.
    pub async fn cancel(&self, run: RunId, quiet: Duration) -> Result<u64, LedgerError> {
        either!(&self.database, database => database.cancel_run(run).await?);
        let (mut after, mut cancelled) = (i64::MIN, 0);
        loop {
            let mut change = self.write().await?;
            let open = either!(&mut change, change => {
                change.open_of_cancelled(run, after, SESSIONS_PER_COMMIT).await?
            });
            let Some(last) = open.last() else {
                return Ok(cancelled);
            };
            after = *last;
            either!(&mut change, change => change.skip_cancelled(&open, quiet).await?);
            change.commit().await?;
            cancelled += open.len() as u64;
        }
    }
}
