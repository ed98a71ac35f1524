//! Replays the dead of one run: a few of each reason first, the others if one of those was carried.

use std::time::{Duration, Instant};

use anyhow::Result;
use ferry_core::id::SessionId;
use ferry_core::reason::DeadReason;
use ferry_core::replay::{Outcomes, Verdict};
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::DeedId;
use ferry_ledger::dead::Filter;
use ferry_ledger::replay::{Replayed, Slice};
use ferry_ledger::runs::Run;
use tokio_util::sync::CancellationToken;

/// Between two looks at what became of replayed sessions.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Looking takes its time if they are many: then the next look waits so many times as long.
const PAUSE_PER_LOOK: u32 = 10;

/// How a replay is done.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) filter: Filter,
    /// What is meant, for the audit log.
    pub(super) subject: String,
    /// The most sessions, of all runs.
    pub(super) limit: Option<u64>,
    /// From one session to the next.
    pub(super) interval: Option<Duration>,
    /// How many of each reason go first.
    pub(super) canary: u32,
    /// How long to wait for those.
    pub(super) patience: Duration,
    /// Wait for the outcome of all, too.
    pub(super) waits: bool,
    /// And then so long for the run to be finished.
    pub(super) audit: Option<Duration>,
}

/// Replays the dead of a run.
pub(super) struct Replayer<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) terms: &'a Terms,
    pub(super) run: &'a Run,
    pub(super) deed: DeedId,
    /// Reasons, with how many can be replayed.
    pub(super) reasons: &'a [(DeadReason, u64)],
    /// How many sessions may still be replayed.
    pub(super) left: u64,
    pub(super) stop: &'a CancellationToken,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// All that was to be done is done.
    Done,
    /// Those that went first have no outcome in time.
    NoOutcome,
    /// The run was paused meanwhile, or cancelled.
    Paused,
    /// All are final, but attempts of unknown outcome are still to be looked up.
    Auditing,
    /// Told to stop.
    Stopped,
}

/// What was replayed, and what became of it.
#[derive(Debug)]
pub(super) struct RunReplayed {
    pub(super) ended: Ended,
    pub(super) replayed: u64,
    pub(super) outcomes: Vec<Replayed>,
    /// Reasons of which none that went first was carried.
    pub(super) stopped: Vec<DeadReason>,
}

impl Replayer<'_> {
    /// Replays, and watches what becomes of it.
    pub(super) async fn replay(mut self) -> Result<RunReplayed> {
        let allowed = self.left;
        let mut stopped = Vec::new();
        let mut ended = self.send_canaries(&mut stopped).await?;
        if ended == Ended::Done {
            let followers: Vec<_> = self
                .reasons
                .iter()
                .map(|(reason, _)| *reason)
                .filter(|reason| !stopped.contains(reason))
                .collect();
            if !followers.is_empty() {
                self.register(&followers, None).await?;
            }
            ended = self.wait_for_all().await?;
        }
        Ok(RunReplayed {
            ended,
            replayed: allowed - self.left,
            outcomes: self.ledger.replayed(self.deed).await?,
            stopped,
        })
    }

    /// A few of each reason, of which there are more.
    async fn send_canaries(&mut self, stopped: &mut Vec<DeadReason>) -> Result<Ended> {
        let few = u64::from(self.terms.canary);
        let mut sent = Vec::new();
        for (reason, count) in self.reasons {
            if few > 0 && *count > few && self.left > 0 {
                self.register(&[*reason], Some(few)).await?;
                sent.push(*reason);
            }
        }
        let since = Instant::now();
        while !sent.is_empty() {
            let looking = Instant::now();
            let outcomes = self.ledger.replayed(self.deed).await?;
            sent.retain(|reason| match of(&outcomes, *reason).verdict() {
                Verdict::Wait => true,
                Verdict::GoOn => false,
                Verdict::Stop => {
                    stopped.push(*reason);
                    false
                }
            });
            if sent.is_empty() {
                break;
            }
            if let Some(ended) = self.interrupted().await? {
                return Ok(ended);
            }
            if since.elapsed() >= self.terms.patience {
                return Ok(Ended::NoOutcome);
            }
            self.pause(looking).await;
        }
        Ok(Ended::Done)
    }

    /// At most so many with one of these reasons.
    async fn register(&mut self, reasons: &[DeadReason], most: Option<u64>) -> Result<()> {
        let filter = Filter {
            reasons: reasons.to_vec(),
            ..self.terms.filter.clone()
        };
        let began = self.ledger.now();
        let (mut after, mut registered): (Option<SessionId>, u64) = (None, 0);
        let most = most.unwrap_or(u64::MAX).min(self.left);
        while registered < most && !self.stop.is_cancelled() {
            let interval = self.terms.interval;
            let slice = Slice {
                run: self.run.id,
                filter: &filter,
                deed: self.deed,
                after,
                limit: u32::try_from(most - registered).unwrap_or(u32::MAX),
                pace: interval.map(|interval| {
                    let so_far = u32::try_from(registered).unwrap_or(u32::MAX);
                    (began.plus(interval.saturating_mul(so_far)), interval)
                }),
            };
            let done = self.ledger.replay(&slice).await?;
            registered += done.replayed;
            if done.last.is_none() {
                break;
            }
            after = done.last;
        }
        self.left -= registered;
        tracing::info!(run.name = self.run.name, sessions = registered, "replayed");
        Ok(())
    }

    async fn wait_for_all(&self) -> Result<Ended> {
        if !self.terms.waits {
            return Ok(Ended::Done);
        }
        let mut final_since = None;
        loop {
            let looking = Instant::now();
            let outcomes = self.ledger.replayed(self.deed).await?;
            if outcomes.iter().all(|replayed| replayed.outcomes.open == 0) {
                let since = *final_since.get_or_insert_with(Instant::now);
                let Some(patience) = self.terms.audit else {
                    return Ok(Ended::Done);
                };
                match self.ledger.run(&self.run.name).await?.state {
                    RunState::Finished => return Ok(Ended::Done),
                    _ if since.elapsed() >= patience => return Ok(Ended::Auditing),
                    _ => {}
                }
            }
            if let Some(ended) = self.interrupted().await? {
                return Ok(ended);
            }
            self.pause(looking).await;
        }
    }

    /// Why nothing more can come of it for now.
    async fn interrupted(&self) -> Result<Option<Ended>> {
        if self.stop.is_cancelled() {
            return Ok(Some(Ended::Stopped));
        }
        let state = self.ledger.run(&self.run.name).await?.state;
        let paused = matches!(state, RunState::Paused | RunState::Cancelled);
        Ok(paused.then_some(Ended::Paused))
    }

    async fn pause(&self, looking: Instant) {
        let pause = LOOK_EVERY.max(looking.elapsed() * PAUSE_PER_LOOK);
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn of(outcomes: &[Replayed], reason: DeadReason) -> Outcomes {
    let name = reason.to_string();
    let known = outcomes.iter().find(|replayed| replayed.reason == name);
    known.map(|replayed| replayed.outcomes).unwrap_or_default()
}
