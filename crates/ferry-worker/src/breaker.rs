//! The process's breaker for an upstream: which calls may be made, and what they came to.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ferry_core::breaker::{self, Admission, BreakerConfig, BreakerState, Health, Ticket};
use tokio::time::Instant;

/// The breaker of a process.
#[derive(Debug)]
pub struct Breaker {
    /// Whose, for the log.
    upstream: &'static str,
    core: Mutex<breaker::Breaker>,
    began: Instant,
}

/// A call that the breaker let through. Dropped without a record, it was not made.
#[derive(Debug)]
pub struct Admitted {
    ticket: Ticket,
    breaker: Arc<Breaker>,
    is_recorded: bool,
}

impl Breaker {
    /// For Stytch. Closed.
    pub fn new(config: BreakerConfig) -> Arc<Self> {
        Self::of("Stytch", config)
    }

    /// For this one, named as in the log. Closed.
    pub fn of(upstream: &'static str, config: BreakerConfig) -> Arc<Self> {
        Arc::new(Self {
            upstream,
            core: Mutex::new(breaker::Breaker::new(config)),
            began: Instant::now(),
        })
    }

    /// As shown to the operator.
    pub fn state(&self) -> BreakerState {
        self.core().state()
    }

    /// At most `wanted` calls, at least one; or how long to wait before asking again.
    pub fn admit(self: &Arc<Self>, wanted: usize) -> Result<Vec<Admitted>, Duration> {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let admission = self.core().admit(wanted, self.began.elapsed());
        match admission {
            Admission::Wait { after } => Err(after),
            Admission::Calls { count, ticket } => Ok((0..count)
                .map(|_| Admitted {
                    ticket,
                    breaker: Arc::clone(self),
                    is_recorded: false,
                })
                .collect()),
        }
    }

    fn record(&self, ticket: Ticket, health: Health) -> BreakerState {
        let mut core = self.core();
        let before = core.state();
        let recent = core.recent().unwrap_or_default();
        core.record(ticket, health, self.began.elapsed());
        let after = core.state();
        drop(core);
        match (before, after) {
            (BreakerState::Closed, BreakerState::Open) => tracing::warn!(
                failed = recent.0 + 1,
                of = recent.1 + 1,
                "{} is failing; only a few calls ask whether it is back, nothing is lost by it",
                self.upstream
            ),
            (BreakerState::HalfOpen, BreakerState::Closed) => {
                tracing::info!("{} answers again; calls go on", self.upstream);
            }
            _ => {}
        }
        after
    }

    fn core(&self) -> MutexGuard<'_, breaker::Breaker> {
        self.core
            .lock()
            .expect("nothing panics while it holds the breaker")
    }
}

impl Admitted {
    /// Records what the call came to; the breaker's state after it.
    pub fn record(mut self, health: Health) -> BreakerState {
        self.is_recorded = true;
        self.breaker.record(self.ticket, health)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.breaker.record(self.ticket, Health::Unknown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_an_outage() -> Arc<Breaker> {
        let breaker = Breaker::new(BreakerConfig::default());
        for admitted in breaker.admit(10).unwrap() {
            admitted.record(Health::Failed);
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn a_canary_that_was_not_sent_makes_room_for_another() {
        let breaker = in_an_outage();
        let wait = breaker.admit(64).unwrap_err();
        tokio::time::sleep(wait).await;
        let canary = breaker.admit(64).unwrap();
        assert_eq!(canary.len(), 1);
        assert!(breaker.admit(64).is_err());
        drop(canary);
        assert_eq!(breaker.admit(64).unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_closes_when_canaries_answer() {
        let breaker = in_an_outage();
        while breaker.state() != BreakerState::Closed {
            match breaker.admit(64) {
                Err(wait) => tokio::time::sleep(wait).await,
                Ok(canaries) => {
                    for canary in canaries {
                        canary.record(Health::Answered);
                    }
                }
            }
        }
        assert_eq!(breaker.admit(64).unwrap().len(), 64);
    }
}
