//! Deliveries, permits, claims.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ferry_core::id::SessionId;
use ferry_ledger::LedgerError;
use ferry_ledger::claim::{Claim, ClaimTerms, Lease};
use ferry_queue::{Cause, Consumer, Delivery};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::attempt;
use crate::recorder::Result as AttemptResult;
use crate::settings::Tools;

/// The most sessions in one claim: beyond this a commit costs no less per session, and the last
/// call of the batch waits for the first.
const SESSIONS_PER_CLAIM: usize = 128;

/// A delivery is not held for longer than this while no call may be made: its row comes again.
const PERMIT_PATIENCE: Duration = Duration::from_secs(20);

/// How long a ledger that does not answer claims is tried again before the worker gives up.
const LEDGER_PATIENCE: u32 = 30;
/// Between two tries.
const LEDGER_PAUSE: Duration = Duration::from_secs(2);

/// Deliveries that have a slot each, and the permits to call for them.
type Batch = Vec<(Delivery, OwnedSemaphorePermit)>;

pub(crate) struct Intake<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) consumer: &'a Consumer,
    pub(crate) results: mpsc::Sender<AttemptResult>,
    pub(crate) stop: CancellationToken,
    pub(crate) rng: StdRng,
}

impl Intake<'_> {
    /// Takes deliveries until told to stop, then waits for the calls that are under way.
    pub(crate) async fn run(mut self) -> Result<(), LedgerError> {
        let slots = Arc::new(Semaphore::new(self.tools.settings.concurrency));
        let calls = TaskTracker::new();
        let mut failed_claims = 0;
        let outcome = loop {
            let Some(batch) = self.take(&slots).await else {
                break Ok(());
            };
            match self.claim(&batch).await {
                Ok(claims) => {
                    failed_claims = 0;
                    self.start(batch, claims, &calls);
                }
                Err(error) if error.is_passing() && failed_claims < LEDGER_PATIENCE => {
                    failed_claims += 1;
                    tracing::warn!(%error, "sessions not claimed; they stay as they are");
                    self.let_go(&batch);
                    self.pause(LEDGER_PAUSE).await;
                }
                Err(error) => break Err(error),
            }
        };
        calls.close();
        calls.wait().await;
        outcome
    }

    /// The next deliveries that may be called for, at least one; `None` when told to stop.
    ///
    /// A permit that finds no session is lost: kept for later, it would let more calls out at once
    /// than the rate allows.
    async fn take(&self, slots: &Arc<Semaphore>) -> Option<Batch> {
        let first = loop {
            let first = self.unless_stopped(self.first(slots)).await?;
            let permit = tokio::time::timeout(PERMIT_PATIENCE, self.tools.pace.permit());
            let permit = self.unless_stopped(permit).await;
            if permit == Some(Ok(())) {
                break first;
            }
            self.let_go(&vec![first]);
            let _held_for_too_long = permit?;
        };
        let mut batch = vec![first];
        while batch.len() < SESSIONS_PER_CLAIM {
            let Ok(slot) = Arc::clone(slots).try_acquire_owned() else {
                break;
            };
            if !self.tools.pace.try_permit() {
                break;
            }
            let Some(delivery) = self.consumer.try_next() else {
                break;
            };
            batch.push((delivery, slot));
        }
        Some(batch)
    }

    async fn first(&self, slots: &Arc<Semaphore>) -> (Delivery, OwnedSemaphorePermit) {
        let slot = Arc::clone(slots)
            .acquire_owned()
            .await
            .expect("never closed");
        (self.consumer.next().await, slot)
    }

    async fn claim(&mut self, batch: &Batch) -> Result<HashMap<SessionId, Claim>, LedgerError> {
        let settings = &self.tools.settings;
        let mut seen = HashSet::new();
        let sessions: Vec<SessionId> = batch
            .iter()
            .map(|(delivery, _)| delivery.message.session)
            .filter(|session| seen.insert(*session))
            .collect();
        let claims = self
            .tools
            .ledger
            .claim(
                &sessions,
                &ClaimTerms {
                    lease: settings.lease,
                    quiet: settings.quiet,
                    subject: None,
                },
                &mut self.rng,
            )
            .await?;
        Ok(sessions.into_iter().zip(claims).collect())
    }

    /// Starts a call for each lease; the other deliveries are done with.
    fn start(&mut self, batch: Batch, mut claims: HashMap<SessionId, Claim>, calls: &TaskTracker) {
        fail::fail_point!("after-claim", |_| std::process::abort());
        for (delivery, slot) in batch {
            match claims.remove(&delivery.message.session) {
                Some(Claim::Granted(lease)) => self.call(delivery, slot, lease, calls),
                Some(Claim::Unknown) => {
                    self.consumer.refuse(delivery, Cause::UnknownSession);
                }
                // Also the second of two deliveries of one session.
                _ => {
                    self.consumer.ack(&[delivery.tag]);
                }
            }
        }
    }

    fn call(
        &mut self,
        delivery: Delivery,
        slot: OwnedSemaphorePermit,
        lease: Box<Lease>,
        calls: &TaskTracker,
    ) {
        let tools = self.tools.clone();
        let results = self.results.clone();
        let mut rng = StdRng::from_rng(&mut self.rng);
        calls.spawn(async move {
            tools.tally.in_flight.fetch_add(1, Ordering::Relaxed);
            let finished = attempt(&lease, &tools, &mut rng).await;
            tools.tally.in_flight.fetch_sub(1, Ordering::Relaxed);
            let result = AttemptResult {
                finished,
                tag: delivery.tag,
                slot,
            };
            // The recorder is gone only if the ledger failed for good: then the attempt is
            // taken over and swept.
            let _ = results.send(result).await;
        });
    }

    /// Their rows are untouched; the dispatcher comes to them again.
    fn let_go(&self, batch: &Batch) {
        let tags: Vec<_> = batch.iter().map(|(delivery, _)| delivery.tag).collect();
        self.consumer.ack(&tags);
    }

    async fn pause(&self, duration: Duration) {
        self.unless_stopped(tokio::time::sleep(duration)).await;
    }

    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            value = future => Some(value),
        }
    }
}
