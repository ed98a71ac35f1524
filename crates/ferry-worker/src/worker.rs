//! Intake and recorder together, and how they stop.

use ferry_ledger::LedgerError;
use ferry_queue::{Consumer, Queue};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::recorder::record_all;
use crate::settings::Tools;

/// Carries sessions until told to stop.
#[derive(Debug)]
pub struct Worker {
    /// What it works with.
    pub tools: Tools,
    /// Where its sessions come from.
    pub consumer: Consumer,
    /// Where its dead letters are shown.
    pub queue: Queue,
}

/// A worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The ledger does not take claims or results. What was in flight is taken over and swept.
    #[error("the worker gave up: {0}")]
    Ledger(#[from] LedgerError),
}

impl Worker {
    /// Works until `stop` is cancelled, then finishes what is in flight and records it.
    pub async fn run(self, stop: CancellationToken, mut rng: StdRng) -> Result<(), WorkerError> {
        let (results, received) = mpsc::channel(self.tools.settings.held().max(1));
        let recorder_rng = StdRng::from_rng(&mut rng);
        let intake = Intake::new(&self, results, stop.clone(), rng);
        let recording = async {
            let recorded = record_all(received, &self, recorder_rng).await;
            // No result can be kept: take no more.
            if recorded.is_err() {
                stop.cancel();
            }
            recorded
        };
        let (taken, recorded) = tokio::join!(intake.run(), recording);
        self.consumer.close().await;
        recorded?;
        taken?;
        Ok(())
    }
}
