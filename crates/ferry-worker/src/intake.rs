//! Deliveries, permits, claims.

use std::collections::{HashMap, HashSet, VecDeque};
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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::{Attempted, Pass, attempt};
use crate::observe::HeldBack;
use crate::recorder::Result as AttemptResult;
use crate::settings::Tools;
use crate::worker::Worker;

/// The most sessions in one claim: beyond this a commit costs no less per session, and the last
/// call of the batch waits for the first.
const SESSIONS_PER_CLAIM: usize = 128;

/// A delivery is not held for longer than this while no call may be made: its row comes again.
const PERMIT_PATIENCE: Duration = Duration::from_secs(20);

/// How long a ledger that does not answer claims is tried again before the worker gives up.
const LEDGER_PATIENCE: u32 = 30;
/// Between two tries.
const LEDGER_PAUSE: Duration = Duration::from_secs(2);

/// A permit that is had so soon was not kept back.
const AT_HAND: Duration = Duration::from_millis(1);

/// A delivery that has a slot among the sessions held.
struct Held {
    delivery: Delivery,
    slot: OwnedSemaphorePermit,
    since: Instant,
}

/// Deliveries that may be called for.
type Batch = Vec<(Held, Pass)>;

pub(crate) struct Intake<'a> {
    tools: &'a Tools,
    consumer: &'a Consumer,
    results: mpsc::Sender<AttemptResult>,
    stop: CancellationToken,
    rng: StdRng,
    /// Sessions held, from their delivery until they are recorded.
    slots: Arc<Semaphore>,
    /// Calls in flight.
    places: Arc<Semaphore>,
    /// The oldest first.
    held: VecDeque<Held>,
    /// How long claims have taken lately, at the most.
    claim_time: Duration,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(
        worker: &'a Worker,
        results: mpsc::Sender<AttemptResult>,
        stop: CancellationToken,
        rng: StdRng,
    ) -> Self {
        let settings = &worker.tools.settings;
        Self {
            tools: &worker.tools,
            consumer: &worker.consumer,
            results,
            stop,
            rng,
            slots: Arc::new(Semaphore::new(settings.held())),
            places: Arc::new(Semaphore::new(settings.concurrency)),
            held: VecDeque::new(),
            claim_time: Duration::ZERO,
        }
    }

    /// Takes deliveries until told to stop, then waits for the calls that are under way.
    pub(crate) async fn run(mut self) -> Result<(), LedgerError> {
        let calls = TaskTracker::new();
        let mut failed_claims = 0;
        let outcome = loop {
            let Some(batch) = self.take().await else {
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
                    self.let_go(batch.iter().map(|(held, _)| held));
                    self.pause(LEDGER_PAUSE).await;
                }
                Err(error) => break Err(error),
            }
        };
        // What is held goes back to the queue with the consumer.
        self.held.clear();
        calls.close();
        calls.wait().await;
        outcome
    }

    /// The next deliveries that may be called for, at least one; `None` when told to stop.
    async fn take(&mut self) -> Option<Batch> {
        loop {
            self.hold().await?;
            let passes = self.passes().await?;
            if !passes.is_empty() {
                let held = self.held.drain(..passes.len());
                return Some(held.zip(passes).collect());
            }
            let patient = |held: &Held| held.since.elapsed() < PERMIT_PATIENCE;
            let old = self.held.partition_point(|held| !patient(held));
            self.let_go(self.held.range(..old));
            self.held.drain(..old);
        }
    }

    /// Holds as many deliveries as a claim can take, at least one.
    async fn hold(&mut self) -> Option<()> {
        if self.held.is_empty() {
            let first = self.unless_stopped(self.first()).await?;
            self.held.push_back(first);
        }
        while self.held.len() < SESSIONS_PER_CLAIM {
            let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                break;
            };
            let Some(delivery) = self.consumer.try_next() else {
                break;
            };
            self.held.push_back(Held::new(delivery, slot));
        }
        Some(())
    }

    async fn first(&self) -> Held {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .expect("never closed");
        Held::new(self.consumer.next().await, slot)
    }

    /// Pass for what is held, as far as there is any now; none if there was none for as long as
    /// the oldest may be held.
    async fn passes(&self) -> Option<Vec<Pass>> {
        let began = Instant::now();
        let oldest = self.held.front().map(|held| held.since.elapsed());
        let patience = PERMIT_PATIENCE.saturating_sub(oldest.unwrap_or_default());
        let admitted = match self.tools.breaker.admit(self.held.len()) {
            Ok(admitted) => admitted,
            Err(after) => {
                self.unless_stopped(tokio::time::sleep(after.min(patience)))
                    .await?;
                let observer = &self.tools.observer;
                observer.permitted(Some(HeldBack::Breaker), began.elapsed());
                return Some(Vec::new());
            }
        };
        let permits = self.tools.limiter.bulk(admitted.len(), self.claim_time);
        let permits = tokio::time::timeout(patience, permits);
        let permits = self.unless_stopped(permits).await?.unwrap_or_default();
        self.tell_of_waiting(began.elapsed());
        let passes = permits.into_iter().zip(admitted);
        let passes = passes.map(|(permit, admitted)| Pass { permit, admitted });
        Some(passes.collect())
    }

    fn tell_of_waiting(&self, waited: Duration) {
        let limit = (waited >= AT_HAND).then(|| self.tools.limiter.limits_now());
        let held_back = limit.flatten().map(HeldBack::Rates);
        self.tools.observer.permitted(held_back, waited);
    }

    async fn claim(&mut self, batch: &Batch) -> Result<HashMap<SessionId, Claim>, LedgerError> {
        let settings = &self.tools.settings;
        let terms = ClaimTerms {
            lease: settings.lease,
            quiet: settings.quiet,
            subject: settings.subject,
        };
        let mut seen = HashSet::new();
        let sessions: Vec<SessionId> = batch
            .iter()
            .map(|(held, _)| held.delivery.message.session)
            .filter(|session| seen.insert(*session))
            .collect();
        let began = Instant::now();
        let claims = self.tools.ledger.claim(&sessions, &terms, &mut self.rng);
        let claims = claims.await?;
        self.tools.observer.claimed(&claims);
        self.claim_time = began.elapsed().max(self.claim_time * 7 / 8);
        let postponed = claims.iter().filter(|c| matches!(c, Claim::Postponed));
        let is_postponing = postponed.count() * 2 > claims.len();
        let tally = &self.tools.tally;
        tally.is_postponing.store(is_postponing, Ordering::Relaxed);
        Ok(sessions.into_iter().zip(claims).collect())
    }

    /// Starts a call for each lease; the other deliveries are done with, and their passes go to
    /// others.
    fn start(&mut self, batch: Batch, mut claims: HashMap<SessionId, Claim>, calls: &TaskTracker) {
        fail::fail_point!("after-claim", |_| std::process::abort());
        for (held, pass) in batch {
            match claims.remove(&held.delivery.message.session) {
                Some(Claim::Granted(lease)) => self.call(held, pass, lease, calls),
                Some(Claim::Unknown) => {
                    self.consumer.refuse(held.delivery, Cause::UnknownSession);
                }
                // Also the second of two deliveries of one session.
                _ => {
                    self.consumer.ack(&[held.delivery.tag]);
                }
            }
        }
    }

    fn call(&mut self, held: Held, pass: Pass, lease: Box<Lease>, calls: &TaskTracker) {
        let tools = self.tools.clone();
        let results = self.results.clone();
        let (places, stop) = (Arc::clone(&self.places), self.stop.clone());
        let mut rng = StdRng::from_rng(&mut self.rng);
        calls.spawn(async move {
            let place = tokio::select! {
                biased;
                place = places.acquire_owned() => Some(place.expect("never closed")),
                () = stop.cancelled() => None,
            };
            let attempted = match &place {
                Some(_) => attempt(&lease, pass, &tools, &mut rng).await,
                None => Attempted::not_called(&lease),
            };
            drop(place);
            let result = AttemptResult {
                attempted,
                tag: held.delivery.tag,
                slot: held.slot,
            };
            // The recorder is gone only if the ledger failed for good: then the attempt is
            // taken over and swept.
            let _ = results.send(result).await;
        });
    }

    /// Their rows are untouched; the dispatcher comes to them again.
    fn let_go<'h>(&self, held: impl Iterator<Item = &'h Held>) {
        let tags: Vec<_> = held.map(|held| held.delivery.tag).collect();
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

impl Held {
    fn new(delivery: Delivery, slot: OwnedSemaphorePermit) -> Self {
        Self {
            delivery,
            slot,
            since: Instant::now(),
        }
    }
}
