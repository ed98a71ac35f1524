//! Who is at work, and who is gone without a word.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::WorkerId;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// A process at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// Its id, drawn at its start.
    pub worker: WorkerId,
    /// Host and process id, for people.
    pub name: String,
    /// When it began.
    pub began_at: Timestamp,
    /// It is taken for gone after this.
    pub alive_until: Timestamp,
}

/// Id, name, when it began, until when it is alive.
pub(crate) type StoredWorker = (Vec<u8>, String, i64, i64);

impl Ledger {
    /// Tells that the worker is at work, and will be heard of again within `term`.
    pub async fn heartbeat(
        &self,
        worker: WorkerId,
        name: &str,
        term: Duration,
    ) -> Result<(), LedgerError> {
        either!(&self.database, database => database.heartbeat(worker, name, term).await)
    }

    /// These are not at work any more: they have left, or what they left behind is seen to.
    pub async fn forget_workers(&self, workers: &[WorkerId]) -> Result<(), LedgerError> {
        either!(&self.database, database => database.forget_workers(workers).await)
    }

    /// All that have not left, the oldest first.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>, LedgerError> {
        let stored = either!(&self.database, database => database.workers().await?);
        let read = |(id, name, began_at, alive_until): StoredWorker| WorkerRow {
            worker: WorkerId(<[u8; 16]>::try_from(id).expect("the schema checks its length")),
            name,
            began_at: Timestamp::from_millis(began_at),
            alive_until: Timestamp::from_millis(alive_until),
        };
        Ok(stored.into_iter().map(read).collect())
    }
}
