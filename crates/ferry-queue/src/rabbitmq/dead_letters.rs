//! The dead-letter queue.

use std::sync::Arc;
use std::time::Duration;

use crate::counters::add;
use crate::rabbitmq::Broker;
use crate::rabbitmq::letter::Letter;
use crate::rabbitmq::link::within;
use crate::{DeadLetter, QueueError};

/// How long the dead-letter queue may take, an alarm included. The broker can keep it instead.
const LONGEST_BURIAL: Duration = Duration::from_secs(30);

impl Broker {
    /// Publishes to the dead-letter queue.
    pub(crate) async fn publish_dead(&self, letters: &[DeadLetter]) -> Result<(), QueueError> {
        let letters: Vec<_> = letters.iter().copied().map(Letter::dead).collect();
        self.send(&letters).await
    }

    /// The same in the background. When too many batches wait, this one is left out.
    pub(crate) fn mirror_dead(self: &Arc<Self>, letters: Vec<DeadLetter>) {
        if letters.is_empty() {
            return;
        }
        let Ok(turn) = Arc::clone(&self.mirroring).try_acquire_owned() else {
            add(&self.counters.mirror_missed, letters.len());
            return;
        };
        let broker = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = broker.publish_dead(&letters).await {
                add(&broker.counters.mirror_missed, letters.len());
                tracing::warn!(%error, letters = letters.len(),
                    "dead letters not mirrored; the ledger has them");
            }
            drop(turn);
        });
    }

    /// Moves poison to the dead-letter queue, with its cause.
    ///
    /// Looks first: lapin would log the body of a message that comes back, and this one is not
    /// ours.
    pub(super) async fn bury(&self, letter: Letter) -> Result<(), QueueError> {
        let burying = async {
            self.count_dead().await?;
            self.send(&[letter]).await
        };
        within(
            LONGEST_BURIAL,
            "moving a message to the dead-letter queue",
            burying,
        )
        .await?
    }

    /// How many letters are ready in the dead-letter queue.
    pub(crate) async fn count_dead(&self) -> Result<usize, QueueError> {
        self.count(&self.topology.dead).await
    }
}
