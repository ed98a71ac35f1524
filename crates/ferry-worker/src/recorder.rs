//! Results, many in one commit, then the acknowledgement.

use std::sync::atomic::Ordering;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use ferry_ledger::LedgerError;
use ferry_ledger::record::{End, Finished};
use ferry_queue::{Cause, DeadLetter, DeliveryTag, Message};
use rand::rngs::StdRng;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::attempt::Attempted;
use crate::watch::Watch;
use crate::worker::Worker;

/// A finished attempt on its way into the ledger. It keeps its slot among the sessions held until it
/// is recorded, so that an unwritable ledger stops the intake by itself.
#[derive(Debug)]
pub(crate) struct Result {
    pub(crate) attempted: Attempted,
    pub(crate) tag: DeliveryTag,
    pub(crate) slot: OwnedSemaphorePermit,
}

/// The most results in one commit.
const RESULTS_PER_COMMIT: usize = 512;

/// A commit that would hold fewer waits for more,
const ENOUGH_RESULTS: usize = 32;
/// for so long. Their slots are free together afterwards, so that the claims that follow are large,
/// too. Without it several processes on one database have many small commits each.
const GATHERING: Duration = Duration::from_millis(10);

/// How long a ledger that does not take results is tried again, before the worker gives up and
/// leaves what it holds to takeover and sweeper.
const LEDGER_PATIENCE: Duration = Duration::from_mins(1);

/// Records results as they come until the last sender is gone. Acknowledges after the commit.
pub(crate) async fn record_all(
    mut results: mpsc::Receiver<Result>,
    worker: &Worker,
    rng: StdRng,
) -> std::result::Result<(), LedgerError> {
    let tools = &worker.tools;
    let rng = Mutex::new(rng);
    let mut watch = Watch::new(tools.settings.burst);
    let mut batch = Vec::with_capacity(RESULTS_PER_COMMIT);
    while gather(&mut results, &mut batch).await {
        let (mut finished, mut watched) = (Vec::new(), Vec::new());
        let (mut tags, mut slots) = (Vec::new(), Vec::new());
        for result in batch.drain(..) {
            finished.push(result.attempted.finished);
            watched.push(result.attempted.watched);
            tags.push(result.tag);
            slots.push(result.slot);
        }
        fail::fail_point!("before-record", |_| std::process::abort());
        let began = Instant::now();
        let record = || async { tools.ledger.record(&finished, &mut *rng.lock().await).await };
        let recorded = record
            .retry(ExponentialBuilder::default().without_max_times().with_total_delay(Some(LEDGER_PATIENCE)))
            .when(LedgerError::is_passing)
            .notify(|error, wait| {
                tracing::warn!(%error, retry_in = ?wait, results = finished.len(), "results not recorded yet");
            })
            .await?;
        tools.observer.recorded(finished.len(), began.elapsed());
        fail::fail_point!("after-record", |_| std::process::abort());
        let mut dead = Vec::new();
        for (finished, watched) in finished.iter().zip(watched) {
            if recorded.contains(&finished.session) {
                tools.tally.count(finished);
                tools.observer.ended(finished);
                dead.extend(dead_letter(finished));
                watch.add(finished.run, watched);
            } else {
                tools.tally.fenced_out.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(session.id = %finished.session, attempt = %finished.attempt,
                    "result came too late: its lease was taken over");
            }
        }
        worker.queue.mirror_dead(dead);
        worker.consumer.ack(&tags);
        drop(slots);
        watch.show(tools).await;
    }
    Ok(())
}

/// Takes the results of the next commit into `batch`, at least one. False: the last sender is gone.
async fn gather(results: &mut mpsc::Receiver<Result>, batch: &mut Vec<Result>) -> bool {
    let mut received = results.recv_many(batch, RESULTS_PER_COMMIT).await;
    let enough = tokio::time::sleep(GATHERING);
    tokio::pin!(enough);
    while received > 0 && batch.len() < ENOUGH_RESULTS {
        received = tokio::select! {
            biased;
            more = results.recv_many(batch, RESULTS_PER_COMMIT) => more,
            () = &mut enough => break,
        };
    }
    !batch.is_empty()
}

fn dead_letter(finished: &Finished) -> Option<DeadLetter> {
    let End::Dead(reason) = finished.end else {
        return None;
    };
    Some(DeadLetter {
        message: Some(Message {
            run: finished.run,
            session: finished.session,
        }),
        cause: Cause::Session(reason),
    })
}
