//! What the ledger tells, read in the background and kept: a scrape waits for nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_ledger::{Ledger, LedgerError};
use ferry_metrics::{QueueDepths, ServiceSnapshot};
use ferry_queue::Queue;
use tokio::time::Instant;

use crate::config::Rates;
use crate::metrics::reading;

/// What was read is given to all who scrape so soon after it,
const FRESH_FOR: Duration = Duration::from_secs(5);
/// or for so many times as long as reading it took, so that a large ledger is not read all the time.
const REST_PER_READING: u32 = 10;
/// What is older than this is not shown as if it were true,
const SHOWN_FOR: Duration = Duration::from_mins(5);
/// unless it takes so long to read.
const READINGS_SHOWN: u32 = 2;

/// A broker that does not answer within this is left out.
const QUEUE_PATIENCE: Duration = Duration::from_secs(2);

/// How fast sessions come to an end is measured over about so long.
const RATE_OVER: Duration = Duration::from_mins(1);

/// Reads the ledger when somebody asks.
#[derive(Debug)]
pub(crate) struct Service {
    ledger: Ledger,
    queue: Option<Queue>,
    rates: Rates,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Last>,
    /// The next one begins after this.
    rest_until: Option<Instant>,
    is_reading: bool,
    /// The last attempt failed.
    is_away: bool,
    /// When how many sessions of all runs were final; the oldest first.
    settled: VecDeque<(Timestamp, u64)>,
}

#[derive(Debug)]
struct Last {
    text: String,
    at: Instant,
    took: Duration,
}

impl Service {
    /// Begins to read at once. The queue is asked for its depth, where there is one.
    pub(crate) fn new(ledger: Ledger, queue: Option<Queue>, rates: Rates) -> Arc<Self> {
        let service = Arc::new(Self {
            ledger,
            queue,
            rates,
            state: Mutex::default(),
        });
        service.read_if_need_be();
        service
    }

    /// What was last read; `None` when that is too long ago, or never was.
    pub(super) fn text(self: &Arc<Self>) -> Option<String> {
        self.read_if_need_be();
        let state = self.state();
        let last = state.last.as_ref()?;
        let shown_for = SHOWN_FOR.max(last.took * REST_PER_READING * READINGS_SHOWN);
        (last.at.elapsed() < shown_for).then(|| last.text.clone())
    }

    /// In a task of its own: what asks the ledger may not be dropped half way.
    fn read_if_need_be(self: &Arc<Self>) {
        let mut state = self.state();
        let rests = state.rest_until.is_some_and(|until| Instant::now() < until);
        if state.is_reading || rests {
            return;
        }
        state.is_reading = true;
        drop(state);
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let began = Instant::now();
            let snapshot = service.read().await;
            service.keep(snapshot, began);
        });
    }

    async fn read(&self) -> Result<ServiceSnapshot, LedgerError> {
        let began = Instant::now();
        let survey = self.ledger.survey().await?;
        let budgets = self.ledger.budgets().await?;
        let took = began.elapsed();
        let queues = match &self.queue {
            Some(queue) => depths(queue).await,
            None => None,
        };
        let settled = survey.runs.iter().map(|run| run.books.settled()).sum();
        let settled_per_second = self.settled_per_second(survey.read_at, settled);
        let pace = reading::Pace::of(&self.rates, &budgets, settled_per_second, survey.read_at);
        Ok(reading::snapshot(survey, &pace, queues, took))
    }

    fn keep(&self, snapshot: Result<ServiceSnapshot, LedgerError>, began: Instant) {
        let mut state = self.state();
        state.is_reading = false;
        let took = began.elapsed();
        state.rest_until = Some(Instant::now() + FRESH_FOR.max(took * REST_PER_READING));
        match snapshot {
            Ok(snapshot) => {
                state.is_away = false;
                state.last = Some(Last {
                    text: snapshot.text(),
                    at: Instant::now(),
                    took,
                });
            }
            Err(error) => {
                if !std::mem::replace(&mut state.is_away, true) {
                    tracing::warn!(%error, "metrics of the ledger could not be read; they are tried again");
                }
            }
        }
    }

    fn settled_per_second(&self, now: Timestamp, settled: u64) -> f64 {
        let mut state = self.state();
        let history = &mut state.settled;
        history.push_back((now, settled));
        // The second oldest is old enough: the oldest is not needed.
        while history
            .get(1)
            .is_some_and(|(at, _)| now.since(*at) >= RATE_OVER)
        {
            history.pop_front();
        }
        let (since, before) = history[0];
        ferry_core::progress::rate_per_second(settled.saturating_sub(before), now.since(since))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A future of the queue may be dropped.
async fn depths(queue: &Queue) -> Option<QueueDepths> {
    let asking = async {
        let count = |messages: usize| u64::try_from(messages).unwrap_or(u64::MAX);
        Some(QueueDepths {
            work: count(queue.depth().await.ok()?),
            dead: count(queue.count_dead().await.ok()?),
        })
    };
    tokio::time::timeout(QUEUE_PATIENCE, asking).await.ok()?
}

#[cfg(test)]
#[path = "service/tests.rs"]
mod tests;
