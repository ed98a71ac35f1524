//! Puts the parts of a crossing together.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, anyhow};
use ferry_core::books::Books;
use ferry_core::breaker::{BreakerConfig, BreakerState};
use ferry_core::budget::Rate;
use ferry_core::burst::BurstConfig;
use ferry_core::ceiling::CeilingConfig;
use ferry_core::outcome::Unanswered;
use ferry_core::retry::RetryPolicy;
use ferry_core::session::GrantPolicy;
use ferry_ledger::Ledger;
use ferry_ledger::budgets::{BudgetLine, BudgetName};
use ferry_metrics::Instance;
use ferry_queue::Queue;
use ferry_stytch::{Client, Endpoint};
use ferry_worker::breaker::Breaker;
use ferry_worker::limiter::{Limit, Limiter};
use ferry_worker::observe::{Observe, Unobserved};
use ferry_worker::tally::Tally;
use ferry_worker::{Settings, Tools};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Api, Config, Environment, Members, RatesInForce};
use crate::exit::{Coded, Exit};
use crate::health::{self, Checks};
use crate::metrics::{self, Metrics, Service, Told};
use crate::site::Site;
use crate::userinfo;

/// The parts of a crossing.
#[derive(Debug)]
pub(crate) struct Crossing {
    pub(crate) tools: Tools,
    pub(crate) queue: Queue,
    pub(crate) window: usize,
    /// `None`: nobody asks for metrics.
    instance: Option<Arc<Instance>>,
}

/// The dispatcher stays so far ahead of the workers.
const WINDOW_SECONDS: f64 = 10.0;
/// With no rate to reckon with.
const UNLIMITED_WINDOW: usize = 4096;

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
        _ if config.rates.stytch == config::Rate::Unlimited && !endpoint.is_loopback() => {
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
    pub(crate) fn new(config: &Config, endpoint: Endpoint, site: &Site) -> Result<Self> {
        let stytch = client(config, endpoint)?;
        let rates = config.rates.in_force()?;
        // Who is not asked for metrics counts none.
        let instance = config.health.listen.map(|_| metrics::instance());
        let observer: Arc<dyn Observe> = match &instance {
            Some(instance) => Arc::new(Told(Arc::clone(instance))),
            None => Arc::new(Unobserved),
        };
        let tools = Tools {
            ledger: site.ledger.clone(),
            stytch,
            limiter: Limiter::new(site.ledger.clone(), lines(&rates)),
            breaker: Breaker::new(BreakerConfig::default()),
            members: (config.stytch.members == Members::Create).then(Arc::default),
            userinfo: userinfo::of(config)?,
            tally: Arc::new(Tally::default()),
            observer,
            settings: Arc::new(settings(config, &rates)),
        };
        Ok(Self {
            tools,
            queue: site.queue.clone(),
            window: window(config),
            instance,
        })
    }

    /// Answers `/healthz`, `/readyz` and `/metrics` until `done`, if that is wanted. Once `gave_up`
    /// is cancelled, this process says that it is to be started again.
    pub(crate) async fn answer(
        &self,
        config: &Config,
        gave_up: &CancellationToken,
        done: &CancellationToken,
    ) -> Result<()> {
        let (Some(listen), Some(instance)) = (config.health.listen, &self.instance) else {
            return Ok(());
        };
        let ledger = &self.tools.ledger;
        let checks = Checks::new(gave_up.clone())
            .ledger(health::question(ledger))
            .queue(self.queue.clone());
        let queue = Some(self.queue.clone());
        let service = Service::new(ledger.clone(), queue, config.rates.clone());
        let metrics = Metrics::of_worker(
            Arc::clone(instance),
            self.tools.clone(),
            self.queue.clone(),
            service,
        );
        health::serve(listen, checks, move || metrics.text(), done.clone()).await?;
        Ok(())
    }

    /// Asks Stytch who we are, before anything is called with a user's token.
    pub(crate) async fn check_credentials(&self) -> Result<()> {
        if let Err(error) = self.tools.limiter.reserved().await {
            tracing::warn!(%error, "credentials could not be checked beforehand");
            return Ok(());
        }
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

    /// What keeps the crossing from being faster.
    pub(crate) fn limited_by(&self, books: &Books) -> &'static str {
        let tally = &self.tools.tally;
        let in_flight = tally.in_flight.load(Ordering::Relaxed);
        let limit = self.tools.limiter.limits_now();
        if books.open() == 0 {
            "nothing: all sessions are final"
        } else if self.tools.breaker.state() != BreakerState::Closed {
            "Stytch, which is failing"
        } else if limit == Some(Limit::AskedToWait) {
            "Stytch, which asks to wait"
        } else if tally.is_postponing.load(Ordering::Relaxed) {
            "rates.subject"
        } else if books.queued == 0 && in_flight == 0 {
            "retries that are not due yet"
        } else if in_flight >= self.tools.settings.concurrency {
            "worker.concurrency"
        } else {
            limit.map_or("this machine", told)
        }
    }
}

fn client(config: &Config, endpoint: Endpoint) -> Result<Client> {
    Ok(Client::new(&ferry_stytch::Settings {
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
    })?)
}

/// What Stytch is asked with, apart from any run: a client, and the rate of Stytch alone.
pub(crate) fn for_asking(
    config: &Config,
    endpoint: Endpoint,
    ledger: &Ledger,
) -> Result<(Client, Arc<Limiter>)> {
    let mut lines = lines(&config.rates.in_force()?);
    lines.retain(|line| line.name == BudgetName::Stytch);
    let limiter = Limiter::new(ledger.clone(), lines);
    Ok((client(config, endpoint)?, limiter))
}

/// What rates keep back, in the operator's words.
fn told(limit: Limit) -> &'static str {
    match limit {
        Limit::Stytch => "rates.stytch",
        Limit::Refusals => "Stytch, which refuses more: the rate is lowered for now",
        Limit::Userinfo => "rates.userinfo",
        Limit::AskedToWait => "Stytch, which asks to wait",
        Limit::Ledger => "the ledger, which does not answer",
    }
}

/// What a migrate call spends.
fn lines(rates: &RatesInForce) -> Vec<BudgetLine> {
    let rates = [
        (BudgetName::Stytch, rates.stytch),
        (BudgetName::Userinfo, rates.userinfo),
    ];
    let lines = rates.into_iter().filter_map(|(name, rate)| {
        rate.map(|rate| BudgetLine {
            name,
            ceiling: CeilingConfig::of(rate),
        })
    });
    lines.collect()
}

/// How many messages the dispatcher keeps ahead of the workers.
pub(crate) fn window(config: &Config) -> usize {
    // Rates that do not fit together are refused when they are loaded.
    let rates = config.rates.in_force().ok();
    let rates = rates.map(|rates| [rates.stytch, rates.userinfo]);
    let lowest = rates.into_iter().flatten().flatten().reduce(Rate::min);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate has bounds: up to 10,000"
    )]
    lowest.map_or(UNLIMITED_WINDOW, |rate| {
        (rate.as_per_second() * WINDOW_SECONDS).ceil() as usize
    })
}

fn settings(config: &Config, rates: &RatesInForce) -> Settings {
    Settings {
        concurrency: config.worker.concurrency as usize,
        lease: config.worker.lease.get(),
        call_timeout: config.stytch.call_timeout.get(),
        quiet: config.worker.quiet.get(),
        second_look: config.worker.second_look.get(),
        parked_look: config.worker.parked_look.get(),
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
        subject: rates.subject,
        burst: BurstConfig::default(),
    }
}
