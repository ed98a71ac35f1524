//! The breaker: while Stytch is down, a few canaries ask, and nobody else.
//!
//! ```text
//!            most recent calls failed              rested
//!   closed ───────────────────────────▶ open ◀──────────────▶ half-open
//!      ▲                                        a stage failed    │
//!      └──────────────────────────────────────────────────────────┘
//!                 stages of 1, 2, 4, … 32 canaries answered
//! ```
//!
//! Only outages count: no connection, no reply, 5xx. Being refused for a reason of the session, of
//! the set-up or of the rate is an answer. The breaker is of one process and one upstream (Stytch;
//! the UserInfo endpoint, where it is probed) and is told the time of the process's monotonic
//! clock. It judges no session: while it is not closed, [`crate::decide::Decision::in_outage`]
//! makes failures cost nothing.

use std::collections::VecDeque;
use std::time::Duration;

use crate::budget::Share;
use crate::outcome::{CallOutcome, NotSent, Unanswered};

/// When the breaker opens, and how it comes back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerConfig {
    /// So many calls are looked at.
    pub window: usize,
    /// With fewer, their share of failures says nothing.
    pub least: usize,
    /// Opens when this share of them failed.
    pub share: Share,
    /// Opens when so many failed in a row, whatever the share.
    pub in_a_row: u32,
    /// It rests so long before the first canary; each time that a canary fails, twice as long,
    pub first_rest: Duration,
    /// up to this.
    pub longest_rest: Duration,
    /// Canaries that have not come back after so long are lost, and others are sent.
    pub patience: Duration,
}

impl Default for BreakerConfig {
    /// A quarter of the last 100 calls, or 10 in a row; rests of 1 to 15 s.
    fn default() -> Self {
        Self {
            window: 100,
            least: 20,
            share: Share::percent(25),
            in_a_row: 10,
            first_rest: Duration::from_secs(1),
            longest_rest: Duration::from_secs(15),
            patience: Duration::from_secs(30),
        }
    }
}

/// What a call says of the upstream's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answered, whatever the answer.
    Answered,
    /// It is down, or behaves so.
    Failed,
    /// Nothing: no call was made, or what answered is not the upstream.
    Unknown,
}

impl Health {
    /// What this outcome says.
    pub fn of(outcome: &CallOutcome) -> Self {
        match outcome {
            CallOutcome::Refused(refusal) if matches!(refusal.status, 408 | 499 | 500..) => {
                Self::Failed
            }
            CallOutcome::Minted(_) | CallOutcome::Refused(_) => Self::Answered,
            CallOutcome::NotSent(NotSent::Unreachable)
            | CallOutcome::Unanswered(Unanswered::TimedOut | Unanswered::Cut) => Self::Failed,
            // A page with status 200 in the way is the burst's matter: waiting does not mend it.
            CallOutcome::NotSent(NotSent::LeaseTooShort)
            | CallOutcome::Unanswered(Unanswered::Unreadable | Unanswered::Abandoned) => {
                Self::Unknown
            }
        }
    }
}

/// As shown to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum BreakerState {
    /// All calls may be made.
    Closed,
    /// None.
    Open,
    /// A few.
    HalfOpen,
}

/// Which calls may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// So many of those that were wanted, at least one; each is recorded under the ticket.
    Calls {
        /// How many.
        count: u32,
        /// What they are recorded under.
        ticket: Ticket,
    },
    /// None: ask again after this time, or when canaries have come back.
    Wait {
        /// At least a millisecond.
        after: Duration,
    },
}

/// Under which state of the breaker a call was admitted: late results of an earlier one are no
/// canaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ticket(u64);

/// The breaker: see the module.
#[derive(Debug, Clone)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    ticket: Ticket,
    /// How often in a row it has opened without closing.
    opened: u32,
}

#[derive(Debug, Clone)]
enum Phase {
    Closed(Recent),
    Open { until: Duration },
    HalfOpen(Stage),
}

/// The last calls: `true` failed.
#[derive(Debug, Clone, Default)]
struct Recent {
    calls: VecDeque<bool>,
    failed: usize,
    in_a_row: u32,
}

#[derive(Debug, Clone, Copy)]
struct Stage {
    size: u32,
    admitted: u32,
    answered: u32,
    failed: u32,
    since: Duration,
}

/// The canaries of the last stage: after 63 answers in all, it closes.
const LARGEST_STAGE: u32 = 32;

/// Nobody asks more often.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Canaries take this long to come back, give or take.
const CANARY_WAIT: Duration = Duration::from_millis(100);

impl Breaker {
    /// Closed.
    pub fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            phase: Phase::Closed(Recent::default()),
            ticket: Ticket::default(),
            opened: 0,
        }
    }

    /// As shown to the operator.
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen(_) => BreakerState::HalfOpen,
        }
    }

    /// How many of how many recent calls failed, while it is closed.
    pub fn recent(&self) -> Option<(usize, usize)> {
        match &self.phase {
            Phase::Closed(recent) => Some((recent.failed, recent.calls.len())),
            Phase::Open { .. } | Phase::HalfOpen(_) => None,
        }
    }

    /// Asks for `wanted` (at least 1) calls.
    pub fn admit(&mut self, wanted: u32, now: Duration) -> Admission {
        if let Phase::Open { until } = self.phase {
            let after = until.saturating_sub(now);
            if !after.is_zero() {
                let after = after.max(SHORTEST_WAIT);
                return Admission::Wait { after };
            }
            self.begin_stage(1, now);
        }
        if let Phase::HalfOpen(stage) = self.phase
            && now.saturating_sub(stage.since) > self.config.patience
        {
            self.begin_stage(stage.size, now);
        }
        let count = match &mut self.phase {
            Phase::HalfOpen(stage) => {
                let count = wanted.min(stage.size - stage.admitted);
                stage.admitted += count;
                count
            }
            Phase::Closed(_) | Phase::Open { .. } => wanted,
        };
        if count == 0 {
            return Admission::Wait { after: CANARY_WAIT };
        }
        Admission::Calls {
            count,
            ticket: self.ticket,
        }
    }

    /// Records a call that was admitted.
    pub fn record(&mut self, ticket: Ticket, health: Health, now: Duration) {
        if ticket != self.ticket {
            return;
        }
        match &mut self.phase {
            Phase::Closed(recent) => {
                recent.push(health, self.config.window);
                if recent.is_an_outage(&self.config) {
                    self.open(now);
                }
            }
            Phase::HalfOpen(stage) => {
                stage.push(health);
                let stage = *stage;
                self.end_stage(stage, now);
            }
            Phase::Open { .. } => {}
        }
    }

    fn end_stage(&mut self, stage: Stage, now: Duration) {
        // With the first canaries every failure counts; later, half of the share that opens it.
        let tolerated = f64::from(stage.size) * self.config.share.as_fraction() / 2.0;
        if f64::from(stage.failed) > tolerated.floor() {
            self.open(now);
        } else if stage.answered + stage.failed < stage.size {
            // The others are under way, or have yet to be asked for.
        } else if stage.size < LARGEST_STAGE {
            self.begin_stage(stage.size * 2, now);
        } else {
            self.opened = 0;
            self.enter(Phase::Closed(Recent::default()));
        }
    }

    fn open(&mut self, now: Duration) {
        let doubled = self
            .config
            .first_rest
            .saturating_mul(1 << self.opened.min(20));
        self.opened = self.opened.saturating_add(1);
        let until = now.saturating_add(doubled.min(self.config.longest_rest));
        self.enter(Phase::Open { until });
    }

    fn begin_stage(&mut self, size: u32, now: Duration) {
        self.enter(Phase::HalfOpen(Stage {
            size,
            admitted: 0,
            answered: 0,
            failed: 0,
            since: now,
        }));
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.ticket = Ticket(self.ticket.0.wrapping_add(1));
    }
}

impl Recent {
    fn push(&mut self, health: Health, window: usize) {
        let failed = match health {
            Health::Unknown => return,
            Health::Answered => false,
            Health::Failed => true,
        };
        self.calls.push_back(failed);
        self.failed += usize::from(failed);
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        if self.calls.len() > window && self.calls.pop_front() == Some(true) {
            self.failed -= 1;
        }
    }

    fn is_an_outage(&self, config: &BreakerConfig) -> bool {
        let calls = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let failed = u32::try_from(self.failed).unwrap_or(u32::MAX);
        let share = config.share.as_fraction() * f64::from(calls);
        self.in_a_row >= config.in_a_row
            || (self.calls.len() >= config.least && f64::from(failed) >= share)
    }
}

impl Stage {
    fn push(&mut self, health: Health) {
        match health {
            Health::Answered => self.answered += 1,
            Health::Failed => self.failed += 1,
            Health::Unknown => self.admitted = self.admitted.saturating_sub(1),
        }
    }
}

#[cfg(test)]
#[path = "breaker/tests.rs"]
mod tests;
