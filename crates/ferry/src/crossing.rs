//! Puts the parts together and carries one run to its end.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use ferry_core::books::Books;
use ferry_core::outcome::Unanswered;
use ferry_core::reason::PauseCause;
use ferry_core::retry::RetryPolicy;
use ferry_core::session::GrantPolicy;
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_ledger::runs::Run;
use ferry_producer::dispatch::{self, dispatch};
use ferry_queue::Queue;
use ferry_stytch::{Client, Endpoint};
use ferry_worker::pace::Pace;
use ferry_worker::tally::Tally;
use ferry_worker::{Settings, Tools, Worker, sweeper};
use rand::rngs::StdRng;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{Api, Config, Environment, Rate};
use crate::exit::{Coded, Exit};

/// The parts of a crossing.
#[derive(Debug)]
pub(crate) struct Crossing {
    pub(crate) tools: Tools,
    queue: Queue,
    window: usize,
}

/// How a crossing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every session is final and no attempt is unresolved.
    Finished,
    /// Every session is final; attempts are still to be looked up.
    Auditing,
    /// The run is paused.
    Paused(PauseCause),
    /// Told to stop.
    Stopped,
}

/// The dispatcher stays so far ahead of the workers.
const WINDOW_SECONDS: u32 = 10;
/// With no rate to reckon with.
const UNLIMITED_WINDOW: usize = 4096;
/// Between two looks whether the audit is through.
const AUDIT_PAUSE: Duration = Duration::from_millis(200);

/// The endpoint that the settings name, if they agree with each other.
pub(crate) fn endpoint(config: &Config, env: Option<Environment>) -> Result<Endpoint> {
    let stytch = &config.stytch;
    if stytch.project_id.is_empty() || stytch.secret.is_unset() {
        return Err(anyhow!(
            "no Stytch project: put FERRY_STYTCH__PROJECT_ID and FERRY_STYTCH__SECRET into .env.test and add --env test (or see `ferry demo`)"
        )
        .context(Coded(Exit::Usage)));
    }
    let endpoint = Endpoint::for_project(&stytch.project_id, stytch.base_url.as_deref())
        .context(Coded(Exit::Usage))?;
    let live = endpoint.environment() == ferry_stytch::Environment::Live;
    let refused = match (live, env) {
        (true, None) => Some("a live project needs --env live"),
        (true, Some(Environment::Test)) => Some("the project is live, but --env says test"),
        (false, Some(Environment::Live)) => Some("the project is a test one, but --env says live"),
        _ if config.rates.stytch == Rate::Unlimited && !endpoint.is_loopback() => {
            Some("an unlimited rate is for simulators on loopback: give rates.stytch a number")
        }
        _ => None,
    };
    match refused {
        Some(why) => Err(anyhow!(why).context(Coded(Exit::Usage))),
        None => Ok(endpoint),
    }
}

impl Crossing {
    pub(crate) fn new(config: &Config, endpoint: Endpoint, ledger: Ledger) -> Result<Self> {
        let stytch = Client::new(&ferry_stytch::Settings {
            call_timeout: config.stytch.call_timeout.get(),
            connect_timeout: config.stytch.call_timeout.get() / 2,
            ..ferry_stytch::Settings::new(
                endpoint,
                config.stytch.project_id.clone(),
                config.stytch.secret.secret().clone(),
                match config.stytch.api {
                    Api::B2b => ferry_stytch::Api::B2b,
                    Api::Consumer => ferry_stytch::Api::Consumer,
                },
            )
        })?;
        let rate = config.rates.stytch.per_second();
        let window = rate.map_or(UNLIMITED_WINDOW, window_at);
        let tools = Tools {
            ledger,
            stytch,
            pace: Arc::new(Pace::new(rate)),
            tally: Arc::new(Tally::default()),
            settings: Arc::new(settings(config)),
        };
        Ok(Self {
            tools,
            queue: Queue::embedded(window),
            window,
        })
    }

    /// Asks Stytch who we are, before anything is called with a user's token.
    pub(crate) async fn check_credentials(&self) -> Result<()> {
        self.tools.pace.permit().await;
        let Err(failure) = self.tools.stytch.whoami().await else {
            return Ok(());
        };
        match &failure {
            ferry_stytch::Failure::Refused(refusal) if matches!(refusal.status, 401 | 403) => {
                Err(anyhow!("{failure}").context(Coded(Exit::Paused)))
            }
            // Every session would be called in vain, and die of it in the end.
            ferry_stytch::Failure::Unanswered(Unanswered::Unreadable) => {
                Err(anyhow!("{failure}").context(Coded(Exit::Paused)))
            }
            ferry_stytch::Failure::NotSent { .. } => {
                Err(anyhow!("{failure}").context(Coded(Exit::TryLater)))
            }
            _ => {
                tracing::warn!(%failure, "credentials could not be checked beforehand");
                Ok(())
            }
        }
    }

    /// Carries the run's sessions until each is final and no attempt is unresolved; at the end
    /// the audit may take so long.
    pub(crate) async fn cross(
        &self,
        run: &Run,
        audit_timeout: Duration,
        stop: &CancellationToken,
        rng: StdRng,
    ) -> Result<Ended> {
        let swept = stop.child_token();
        let sweeping = sweeper::sweep(&self.tools, &swept);
        let carrying = async {
            let ended = match self.carry(run, stop, rng).await {
                Ok(dispatch::Ended::Settled) => self.audit(run, audit_timeout, stop).await,
                Ok(dispatch::Ended::Paused(cause)) => Ok(Ended::Paused(cause)),
                Ok(dispatch::Ended::Stopped) => Ok(Ended::Stopped),
                Err(error) => Err(error),
            };
            swept.cancel();
            ended
        };
        tokio::join!(sweeping, carrying).1
    }

    async fn carry(
        &self,
        run: &Run,
        stop: &CancellationToken,
        rng: StdRng,
    ) -> Result<dispatch::Ended> {
        let working = stop.child_token();
        let worker = Worker {
            tools: self.tools.clone(),
            // Twice the calls in flight, so that a claim finds its batch at hand.
            consumer: self
                .queue
                .consume(self.tools.settings.concurrency * 2)
                .await?,
            queue: self.queue.clone(),
        };
        let worker = tokio::spawn({
            let working = working.clone();
            async move {
                // Whichever of the two ends first, the other has nothing left to do.
                let _ends_dispatch = working.clone().drop_guard();
                worker.run(working, rng).await
            }
        });
        let dispatched = dispatch(
            run.id,
            &self.tools.ledger,
            &self.queue,
            self.window,
            &working,
        )
        .await;
        working.cancel();
        worker.await.context("the worker panicked")??;
        Ok(dispatched?)
    }

    async fn audit(&self, run: &Run, timeout: Duration, stop: &CancellationToken) -> Result<Ended> {
        let began = Instant::now();
        loop {
            if self.tools.ledger.settle(run.id).await? == RunState::Finished {
                return Ok(Ended::Finished);
            }
            if stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
            if began.elapsed() >= timeout {
                return Ok(Ended::Auditing);
            }
            tokio::time::sleep(AUDIT_PAUSE).await;
        }
    }

    /// What keeps the crossing from being faster.
    pub(crate) fn limited_by(&self, books: &Books) -> &'static str {
        let in_flight = self.tools.tally.in_flight.load(Ordering::Relaxed);
        if books.open() == 0 {
            "nothing: all sessions are final"
        } else if self.tools.pace.is_held() {
            "Stytch, which asks to wait"
        } else if books.queued == 0 && in_flight == 0 {
            "retries that are not due yet"
        } else if in_flight >= self.tools.settings.concurrency {
            "worker.concurrency"
        } else if self.tools.pace.is_limited() {
            "rates.stytch"
        } else {
            "this machine"
        }
    }
}

fn window_at(rate: NonZeroU32) -> usize {
    (rate.get() * WINDOW_SECONDS) as usize
}

fn settings(config: &Config) -> Settings {
    Settings {
        concurrency: config.worker.concurrency as usize,
        lease: config.worker.lease.get(),
        call_timeout: config.stytch.call_timeout.get(),
        quiet: config.worker.quiet.get(),
        second_look: config.worker.second_look.get(),
        retry: RetryPolicy {
            base: config.retry.base.get(),
            cap: config.retry.cap.get(),
            max_attempts: config.retry.max_attempts,
            max_unknown_outcomes: config.retry.max_unknown_outcomes,
            longest_retry_after: config.retry.longest_retry_after.get(),
        },
        grant: GrantPolicy {
            default_lifetime: config
                .sessions
                .default_lifetime
                .map(crate::config::Period::get),
            cap_minutes: config.sessions.cap_minutes,
        },
    }
}
