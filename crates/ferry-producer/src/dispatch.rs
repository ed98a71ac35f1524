//! From due rows to the queue.
//!
//! One loop serves the first enqueue, retries, takeover of dead workers' rows and recovery. It
//! writes nothing per session: a cursor walks over what is due in each active run, soonest to
//! expire first, and begins again at the head when it is at its end and the queue is empty, when
//! messages may have been lost with a queue or a connection, and when a worker is gone without a
//! word. A queue that fails loses nothing: the rows are as they were.

mod walk;

use std::time::{Duration, Instant};

use ferry_core::id::RunId;
use ferry_core::state::RunState;
use ferry_ledger::{Ledger, LedgerError};
use ferry_queue::{Message, Queue, QueueError};
use tokio_util::sync::CancellationToken;

use self::walk::Walk;

/// Which runs are dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that are active.
    All,
    /// This one, while it is active.
    Run(RunId),
}

/// How dispatching is done.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Which runs.
    pub scope: Scope,
    /// The most messages ahead of the workers.
    pub window: usize,
    /// How long a worker's lease holds a session. So long after the last sign of a worker, what it
    /// held is due again.
    pub lease: Duration,
}

/// How often runs, workers and expired tokens are looked at.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// How long nothing is read from the ledger when nothing was due.
const IDLE_PAUSE: Duration = Duration::from_millis(200);
/// How long the dispatcher waits when the queue is still half full.
const FULL_PAUSE: Duration = Duration::from_millis(20);

/// Between two attempts on a ledger or a queue that fails.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// How long the ledger may be away before the dispatcher gives up.
const LEDGER_PATIENCE: Duration = Duration::from_mins(1);
/// How long a broker may be away: longer than a restart.
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

impl DispatchError {
    /// How long it may last; `None` if it will not pass.
    fn patience(&self) -> Option<Duration> {
        match self {
            Self::Ledger(error) => error.is_passing().then_some(LEDGER_PATIENCE),
            Self::Queue(error) if error.is_missing() => Some(MISSING_PATIENCE),
            Self::Queue(error) => error.is_passing().then_some(BROKER_PATIENCE),
        }
    }
}

/// Publishes due sessions until `stop` is cancelled, and settles runs that have none left.
pub async fn dispatch(
    settings: Settings,
    ledger: &Ledger,
    queue: &Queue,
    stop: &CancellationToken,
) -> Result<(), DispatchError> {
    let mut dispatcher = Dispatcher {
        settings,
        ledger,
        queue,
        stop,
        walks: Vec::new(),
        look_at: Instant::now(),
        generation: queue.generation(),
    };
    let mut failing_since = None;
    while !stop.is_cancelled() {
        let wait = match dispatcher.step().await {
            Ok(wait) => {
                failing_since = None;
                wait
            }
            Err(error) => {
                let failing_for = failing_since.get_or_insert_with(Instant::now).elapsed();
                if error.patience().is_none_or(|most| failing_for >= most) {
                    return Err(error);
                }
                tracing::warn!(%error, "sessions not published; they stay due");
                dispatcher.begin_again();
                FAILURE_PAUSE
            }
        };
        unless_stopped(tokio::time::sleep(wait), stop).await;
    }
    Ok(())
}

/// Publishes the run's most urgent sessions, up to the window, and returns how many. Whoever
/// dispatches goes on.
pub async fn prime(
    run: RunId,
    window: usize,
    ledger: &Ledger,
    queue: &Queue,
) -> Result<usize, DispatchError> {
    let room = window.saturating_sub(queue.depth().await?);
    let mut walks = [Walk::new(run)];
    walks[0].read(ledger, room).await?;
    let messages = walk::most_urgent(&mut walks, room);
    queue.publish(&messages).await?;
    Ok(messages.len())
}

struct Dispatcher<'a> {
    settings: Settings,
    ledger: &'a Ledger,
    queue: &'a Queue,
    stop: &'a CancellationToken,
    /// One for each active run.
    walks: Vec<Walk>,
    /// When runs and workers are looked at next.
    look_at: Instant,
    generation: u64,
}

impl Dispatcher<'_> {
    /// Does what is to be done now; how long to wait before the next step.
    async fn step(&mut self) -> Result<Duration, DispatchError> {
        if self.look_at <= Instant::now() {
            self.look_at_runs().await?;
            self.look_at_workers().await?;
            self.look_at = Instant::now() + LOOK_PAUSE;
        }
        // While the broker is blocked these wait, so they must hear of the end.
        let Some(depth) = unless_stopped(self.queue.depth(), self.stop).await else {
            return Ok(Duration::ZERO);
        };
        let depth = depth?;
        if self.generation != self.queue.generation() {
            tracing::info!("the queue may have lost messages; all that is due is published again");
            self.begin_again();
        }
        let window = self.settings.window;
        let room = window.saturating_sub(depth);
        if room < window.div_ceil(2) {
            return Ok(FULL_PAUSE);
        }
        for walk in &mut self.walks {
            walk.read(self.ledger, room).await?;
        }
        let messages = walk::most_urgent(&mut self.walks, room);
        if messages.is_empty() {
            return self.at_the_end(depth).await;
        }
        self.publish(&messages).await?;
        Ok(Duration::ZERO)
    }

    async fn publish(&self, messages: &[Message]) -> Result<(), QueueError> {
        let publishing = self.queue.publish(messages);
        unless_stopped(publishing, self.stop)
            .await
            .unwrap_or(Ok(()))
    }

    /// Nothing is due: whatever is left is waiting, in the hands of workers, or nothing.
    async fn at_the_end(&mut self, depth: usize) -> Result<Duration, DispatchError> {
        for walk in &mut self.walks {
            if walk.may_look(depth) {
                let began = Instant::now();
                let state = self.ledger.settle(walk.run).await?;
                walk.looked(began, state == RunState::Active);
                if state != RunState::Active {
                    // The next look removes its walk, and tells the others.
                    self.look_at = Instant::now();
                }
            }
        }
        Ok(if depth > 0 { FULL_PAUSE } else { IDLE_PAUSE })
    }

    /// From the head, in all runs.
    fn begin_again(&mut self) {
        self.generation = self.queue.generation();
        for walk in &mut self.walks {
            walk.begin_again();
        }
    }

    /// A run that was begun, resumed, paused or ended since the last look gets or loses its walk.
    async fn look_at_runs(&mut self) -> Result<(), LedgerError> {
        let mut active = self.ledger.active_runs().await?;
        if let Scope::Run(ours) = self.settings.scope {
            active.retain(|run| *run == ours);
        }
        self.walks.retain(|walk| active.contains(&walk.run));
        for run in active {
            if !self.walks.iter().any(|walk| walk.run == run) {
                self.walks.push(Walk::new(run));
            }
        }
        for walk in &mut self.walks {
            walk.expire(self.ledger).await?;
        }
        Ok(())
    }

    /// What a worker held that is gone without a word lies behind the cursors.
    async fn look_at_workers(&mut self) -> Result<(), LedgerError> {
        let over = self.ledger.now();
        let mut gone = Vec::new();
        for worker in self.ledger.workers().await? {
            // Its last lease may have been taken just before its last sign.
            if worker.alive_until.plus(self.settings.lease) < over {
                tracing::warn!(worker.id = %worker.worker, worker.name = worker.name,
                    "worker not heard of; what it held is due again");
                gone.push(worker.worker);
            }
        }
        if !gone.is_empty() {
            self.begin_again();
            self.ledger.forget_workers(&gone).await?;
        }
        Ok(())
    }
}

async fn unless_stopped<T>(future: impl Future<Output = T>, stop: &CancellationToken) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        value = future => Some(value),
    }
}
