//! From due rows to the queue.
//!
//! One loop serves the first enqueue, retries, takeover of dead workers' rows and recovery. It
//! writes nothing: a cursor walks over what is due, soonest to expire first, and begins again at
//! the head when it is at its end and the queue is empty.

use std::time::{Duration, Instant};

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use ferry_core::reason::PauseCause;
use ferry_core::state::RunState;
use ferry_ledger::due::DueCursor;
use ferry_ledger::{Ledger, LedgerError};
use ferry_queue::{Message, Queue};
use tokio_util::sync::CancellationToken;

/// Why dispatching a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every session of the run is final.
    Settled,
    /// The run is paused.
    Paused(PauseCause),
    /// Told to stop.
    Stopped,
}

/// How long nothing is read from the ledger when nothing was due.
const IDLE_PAUSE: Duration = Duration::from_millis(200);
/// How long the dispatcher waits when the queue is still half full.
const FULL_PAUSE: Duration = Duration::from_millis(20);
/// Reading a large run from its head takes its time; then pause so many times as long, so that
/// looking takes a fifth of one core at the most.
const PAUSE_PER_LOOK: u32 = 4;

/// Publishes the run's due sessions, at most `window` of them ahead of the workers, until every
/// session is final, the run is paused or `stop` is cancelled.
pub async fn dispatch(
    run: RunId,
    ledger: &Ledger,
    queue: &Queue,
    window: usize,
    stop: &CancellationToken,
) -> Result<Ended, LedgerError> {
    let mut cursor = DueCursor::default();
    let mut expired_until = Timestamp::from_millis(i64::MIN);
    while !stop.is_cancelled() {
        let began = Instant::now();
        if let Some(cause) = ledger.pause_cause(run).await? {
            return Ok(Ended::Paused(cause));
        }
        let now = ledger.now();
        let expired = ledger.expire(run, expired_until).await?;
        if expired > 0 {
            tracing::info!(run.id = %run, sessions = expired, "tokens expired before their turn");
        }
        expired_until = now;
        let room = window.saturating_sub(queue.depth());
        if room < window.div_ceil(2) {
            pause(FULL_PAUSE, stop).await;
            continue;
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let due = ledger.due(run, &mut cursor, limit).await?;
        if !due.is_empty() {
            let messages: Vec<_> = due
                .into_iter()
                .map(|session| Message { run, session })
                .collect();
            queue.publish(&messages).await;
        } else if queue.depth() == 0 {
            if ledger.settle(run).await? != RunState::Active {
                return Ok(Ended::Settled);
            }
            cursor = DueCursor::default();
            pause(IDLE_PAUSE.max(began.elapsed() * PAUSE_PER_LOOK), stop).await;
        } else {
            pause(FULL_PAUSE, stop).await;
        }
    }
    Ok(Ended::Stopped)
}

async fn pause(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(duration) => {}
    }
}
