//! From due rows to the queue.
//!
//! One loop serves the first enqueue, retries, takeover of dead workers' rows and recovery. It
//! writes nothing: a cursor walks over what is due, soonest to expire first, and begins again at
//! the head when it is at its end and the queue is empty, or when messages may have been lost with
//! a queue or a connection. A queue that fails loses nothing: the rows are as they were.

use std::time::{Duration, Instant};

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use ferry_core::reason::PauseCause;
use ferry_core::state::RunState;
use ferry_ledger::due::DueCursor;
use ferry_ledger::{Ledger, LedgerError};
use ferry_queue::{Message, Queue, QueueError};
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

/// Between two attempts on a queue that fails.
const QUEUE_PAUSE: Duration = Duration::from_secs(1);
/// How long a broker may be away before the dispatcher gives up: longer than a restart.
const BROKER_PATIENCE: Duration = Duration::from_mins(5);
/// How long a queue may be missing. A worker declares it again within seconds; if there is none,
/// nobody does.
const MISSING_PATIENCE: Duration = Duration::from_secs(20);

/// Dispatching cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The queue failed for too long. Its sessions are due as before.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Publishes the run's due sessions, at most `window` of them ahead of the workers, until every
/// session is final, the run is paused or `stop` is cancelled.
pub async fn dispatch(
    run: RunId,
    ledger: &Ledger,
    queue: &Queue,
    window: usize,
    stop: &CancellationToken,
) -> Result<Ended, DispatchError> {
    let mut walk = Walk::new(run, ledger, queue, window);
    let mut failing_since = None;
    while !stop.is_cancelled() {
        let next = match walk.step(stop).await {
            Ok(next) => {
                failing_since = None;
                next
            }
            Err(DispatchError::Queue(error)) => {
                let failing_for = failing_since.get_or_insert_with(Instant::now).elapsed();
                if !error.is_passing() || failing_for >= patience(&error) {
                    return Err(error.into());
                }
                tracing::warn!(%error, "sessions not published; they stay due");
                walk.begin_again();
                Next::After(QUEUE_PAUSE)
            }
            Err(error) => return Err(error),
        };
        match next {
            Next::AtOnce => {}
            Next::After(duration) => pause(duration, stop).await,
            Next::End(ended) => return Ok(ended),
        }
    }
    Ok(Ended::Stopped)
}

/// What follows a step.
enum Next {
    AtOnce,
    After(Duration),
    End(Ended),
}

/// A way through the run's due sessions.
struct Walk<'a> {
    run: RunId,
    ledger: &'a Ledger,
    queue: &'a Queue,
    window: usize,
    cursor: DueCursor,
    expired_until: Timestamp,
    generation: u64,
}

impl<'a> Walk<'a> {
    fn new(run: RunId, ledger: &'a Ledger, queue: &'a Queue, window: usize) -> Self {
        Self {
            run,
            ledger,
            queue,
            window,
            cursor: DueCursor::default(),
            expired_until: Timestamp::from_millis(i64::MIN),
            generation: queue.generation(),
        }
    }

    fn begin_again(&mut self) {
        self.cursor = DueCursor::default();
        self.generation = self.queue.generation();
    }

    async fn step(&mut self, stop: &CancellationToken) -> Result<Next, DispatchError> {
        let began = Instant::now();
        if let Some(cause) = self.ledger.pause_cause(self.run).await? {
            return Ok(Next::End(Ended::Paused(cause)));
        }
        self.expire().await?;
        // While the broker is blocked these wait, so they must hear of the end.
        let Some(depth) = unless_stopped(self.queue.depth(), stop).await else {
            return Ok(Next::AtOnce);
        };
        let depth = depth?;
        if self.generation != self.queue.generation() {
            tracing::info!("the queue may have lost messages; all that is due is published again");
            self.begin_again();
        }
        let room = self.window.saturating_sub(depth);
        if room < self.window.div_ceil(2) {
            return Ok(Next::After(FULL_PAUSE));
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let due = self.ledger.due(self.run, &mut self.cursor, limit).await?;
        if due.is_empty() {
            return self.at_the_end(depth, began).await;
        }
        let run = self.run;
        let messages: Vec<_> = due
            .into_iter()
            .map(|due| Message {
                run,
                session: due.session,
            })
            .collect();
        if let Some(published) = unless_stopped(self.queue.publish(&messages), stop).await {
            published?;
        }
        Ok(Next::AtOnce)
    }

    async fn at_the_end(&mut self, depth: usize, began: Instant) -> Result<Next, DispatchError> {
        if depth > 0 {
            return Ok(Next::After(FULL_PAUSE));
        }
        if self.ledger.settle(self.run).await? != RunState::Active {
            return Ok(Next::End(Ended::Settled));
        }
        self.begin_again();
        let pause = IDLE_PAUSE.max(began.elapsed() * PAUSE_PER_LOOK);
        Ok(Next::After(pause))
    }

    async fn expire(&mut self) -> Result<(), LedgerError> {
        let now = self.ledger.now();
        let expired = self.ledger.expire(self.run, self.expired_until).await?;
        if expired > 0 {
            tracing::info!(run.id = %self.run, sessions = expired, "tokens expired before their turn");
        }
        self.expired_until = now;
        Ok(())
    }
}

fn patience(error: &QueueError) -> Duration {
    if error.is_missing() {
        MISSING_PATIENCE
    } else {
        BROKER_PATIENCE
    }
}

async fn pause(duration: Duration, stop: &CancellationToken) {
    unless_stopped(tokio::time::sleep(duration), stop).await;
}

async fn unless_stopped<T>(future: impl Future<Output = T>, stop: &CancellationToken) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        value = future => Some(value),
    }
}
