//! Ledger and queue, opened to work with.

use anyhow::Result;
use ferry_core::id::RunId;
use ferry_ledger::Ledger;
use ferry_producer::dispatch::Scope;
use ferry_queue::Queue;
use rand::rngs::StdRng;

use crate::data_folder::DataFolder;
use crate::place::Place;
use crate::watchdog;

/// Where this process works.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) ledger: Ledger,
    pub(crate) queue: Queue,
    /// Where rejects files go.
    pub(crate) folder: DataFolder,
    /// Others work there, too.
    pub(crate) is_shared: bool,
}

impl Site {
    /// Opens ledger and queue. The embedded ones are this process's alone, from now on.
    pub(crate) async fn enter(place: Place, window: usize, rng: &mut StdRng) -> Result<Self> {
        match place {
            Place::Embedded { folder, keys } => {
                let folder = DataFolder::lock(&folder)?;
                let ledger = folder.open(keys, rng).await?;
                // We hold the lock: whoever had leases is gone.
                ledger.void_leases().await?;
                Ok(Self {
                    ledger,
                    queue: Queue::embedded(window),
                    folder,
                    is_shared: false,
                })
            }
            Place::Fleet(fleet) => {
                let ledger = Ledger::connect(fleet.ledger, fleet.keys).await?;
                watchdog::watch_over(&ledger);
                Ok(Self {
                    ledger,
                    queue: Queue::connect(fleet.queue, rng).await?,
                    folder: DataFolder::shared(&fleet.folder),
                    is_shared: true,
                })
            }
        }
    }

    /// What a process dispatches that was begun for this run. On a machine of its own it leaves
    /// other runs alone; in a fleet it may be the only one that dispatches.
    pub(crate) fn scope(&self, run: RunId) -> Scope {
        if self.is_shared {
            Scope::All
        } else {
            Scope::Run(run)
        }
    }

    /// Leaves in good order.
    pub(crate) async fn leave(self) {
        self.queue.close().await;
        self.ledger.close().await;
    }
}
