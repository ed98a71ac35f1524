//! Puts the parts of a crossing together.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, anyhow};
use ferry_core::books::Books;
use ferry_core::outcome::Unanswered;
use ferry_core::retry::RetryPolicy;
use ferry_core::session::GrantPolicy;
use ferry_queue::Queue;
use ferry_stytch::{Client, Endpoint};
use ferry_worker::pace::Pace;
use ferry_worker::tally::Tally;
use ferry_worker::{Settings, Tools};

use crate::config::{Api, Config, Environment, Rate};
use crate::exit::{Coded, Exit};
use crate::site::Site;

/// The parts of a crossing.
#[derive(Debug)]
pub(crate) struct Crossing {
    pub(crate) tools: Tools,
    pub(crate) queue: Queue,
    pub(crate) window: usize,
}

/// The dispatcher stays so far ahead of the workers.
const WINDOW_SECONDS: u32 = 10;
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
    pub(crate) fn new(config: &Config, endpoint: Endpoint, site: &Site) -> Result<Self> {
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
        let tools = Tools {
            ledger: site.ledger.clone(),
            stytch,
            pace: Arc::new(Pace::new(whole(config.rates.stytch))),
            tally: Arc::new(Tally::default()),
            settings: Arc::new(settings(config)),
        };
        Ok(Self {
            tools,
            queue: site.queue.clone(),
            window: window(config),
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

/// How many messages the dispatcher keeps ahead of the workers.
pub(crate) fn window(config: &Config) -> usize {
    whole(config.rates.stytch).map_or(UNLIMITED_WINDOW, |rate| {
        (rate.get() * WINDOW_SECONDS) as usize
    })
}

/// The rate in whole calls per second, at least one.
fn whole(rate: Rate) -> Option<NonZeroU32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate has bounds: up to 10,000"
    )]
    let whole = |rate: ferry_core::budget::Rate| rate.as_per_second() as u32;
    let rate = rate.per_second().map(whole)?;
    Some(NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN))
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
