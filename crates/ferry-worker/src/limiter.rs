//! The rates that all calls of all workers share.
//!
//! ```text
//!              slices of permits
//!   ledger ───────────────────────▶ hand ──▶ permit ──▶ (its window opens) ──▶ call
//!      ▲        each: planned time,                                             │
//!      └──────────────────────────────── reports ◀──────────────────────────────┘
//!        the ceiling observes them        allowed, refused
//! ```
//!
//! A budget is one number in the ledger ([`ferry_core::budget`]); a worker asks for a slice of
//! permits when those in hand run out, never for more than it has deliveries, so that an idle
//! worker books nothing. Each permit has a planned time on the ledger's clock and a window on the
//! process's own, in which its call is sent; what was not sent in it is lost. Who uses permits
//! steadily asks for those of the next moments at once, and for more while the last are used. A
//! ledger that is away gives no permits. Without any line (an unlimited rate, on loopback) the ledger is not asked.

mod ask;
mod claimed;
mod hand;
mod permit;
mod reports;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ferry_core::budget::{ClockBounds, LONGEST_HORIZON, Moment};
use ferry_core::outcome::CallOutcome;
use ferry_ledger::Ledger;
use ferry_ledger::budgets::{BudgetLine, BudgetName};
use governor::{DefaultDirectRateLimiter, Quota};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::hand::{Hand, Planned, Reach};
pub use self::permit::{Evidence, Permit};
use self::reports::{Reports, report};

/// Permits are booked so far ahead: what is booked does not follow a lowered rate.
const HORIZON: Duration = LONGEST_HORIZON.checked_div(2).expect("two is not zero");

/// More is asked for when the last permit in hand is nearer than this.
const RUNNING_OUT: Duration = HORIZON.checked_div(2).expect("two is not zero");

/// Who uses permits steadily asks for those of so long at once: fewer exchanges, and the next one is
/// under way while the last permits are used. What is booked in vain at the end is no more than that.
const STEADY: Duration = Duration::from_millis(50);

/// Where all is booked by others, or the rate is low, it is asked again after so long: often enough
/// for a share of what becomes free, seldom enough for a fleet.
const BETWEEN_ASKS: Duration = Duration::from_millis(60);

/// Between two tries of a ledger that is away.
const LEDGER_PAUSE: Duration = Duration::from_secs(1);

/// How long a call of its own (see [`Limiter::reserved`]) waits for its permit: what is under way
/// must end soon when the process is told to stop.
const RESERVE_PATIENCE: Duration = Duration::from_secs(10);

/// A claim begins when its permits open within twice the time that it takes, and this,
const CLAIM_MARGIN: Duration = Duration::from_millis(10);
/// but at least this, so that a slow rate makes no commit of each permit,
const NEAREST: Duration = Duration::from_millis(20);
/// and at most this: sessions that were claimed long before their call are taken over late.
const FARTHEST: Duration = Duration::from_millis(250);
/// A permit that closes before the claim is likely to be done is not taken for it, unless claims
/// take longer than this.
const LONGEST_CLAIM: Duration = Duration::from_millis(50);

/// What Stytch's API reference says of "Search users".
const SEARCHES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(150).expect("not zero");

/// The rates that all calls share. One for each process.
#[derive(Debug)]
pub struct Limiter {
    ledger: Ledger,
    /// What a migrate call spends; at most two.
    lines: Vec<BudgetLine>,
    /// What every other call spends.
    stytch: Option<BudgetLine>,
    /// One process sweeps at a time, so a limit of the process is enough.
    searches: DefaultDirectRateLimiter,
    state: Mutex<State>,
    /// Permits came or came back, or an exchange is over.
    changed: Notify,
    /// The origin of the process's clock.
    began: Instant,
}

#[derive(Debug, Default)]
struct State {
    hand: Hand,
    reports: Reports,
    clock: Option<ClockBounds>,
    /// So many permits are waited for,
    wanted: usize,
    /// so many of them by who has claimed already, and goes first.
    claimed: usize,
    /// An exchange for the bulk is under way.
    is_asking: bool,
    /// None begins before this, on the process's clock.
    ask_at: Duration,
    use_of_permits: Use,
    /// How long exchanges have taken lately, at the most,
    exchange: Duration,
    /// and claims.
    claim: Duration,
    is_away: bool,
    is_too_slow: bool,
    /// The line that gave less than was wanted.
    short: Option<Limit>,
    /// Stytch asks to wait until then, on the ledger's clock,
    not_before: Moment,
    /// and on the process's.
    held_until: Duration,
}

/// How many permits are used in [`STEADY`].
#[derive(Debug, Default)]
struct Use {
    /// So many were used since then,
    count: usize,
    since: Duration,
    /// and so many in the time before.
    steady: usize,
}

/// What keeps calls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The configured rate of Stytch.
    Stytch,
    /// Stytch refused more, so the rate is lowered for now.
    Refusals,
    /// The configured rate of the legacy provider.
    Userinfo,
    /// Stytch asks to wait.
    AskedToWait,
    /// The ledger gives no permits.
    Ledger,
}

/// No permit came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no permit to call Stytch came in time: the rate is booked out, or the ledger is away")]
pub struct NoPermit;

/// Who waits for permits.
#[derive(Debug, Clone, Copy)]
enum Waiter {
    /// Deliveries that are claimed once they have permits, which takes so long.
    Batch { claim: Duration },
    /// A session that is claimed, and whose first permit was lost.
    Claimed,
}

impl Limiter {
    /// With these lines for a migrate call, each name once; none: unlimited.
    pub fn new(ledger: Ledger, lines: Vec<BudgetLine>) -> Arc<Self> {
        let stytch = lines.iter().find(|line| line.name == BudgetName::Stytch);
        let one = NonZeroU32::MIN;
        Arc::new(Self {
            ledger,
            stytch: stytch.copied(),
            lines,
            // Evenly spread: a burst might meet another one in the same window.
            searches: DefaultDirectRateLimiter::direct(
                Quota::per_minute(SEARCHES_PER_MINUTE).allow_burst(one),
            ),
            state: Mutex::default(),
            changed: Notify::new(),
            began: Instant::now(),
        })
    }

    /// At least one permit, at most `wanted`, whose time is near enough for a claim (which takes
    /// about `claim`) to begin. Waits for as long as it takes; may be cancelled.
    pub async fn bulk(self: &Arc<Self>, wanted: usize, claim: Duration) -> Vec<Permit> {
        if self.lines.is_empty() {
            return (0..wanted).map(|_| Permit::unlimited()).collect();
        }
        let planned = self.wait(wanted, Waiter::Batch { claim }).await;
        let permit = |planned| Permit::new(planned, Arc::clone(self));
        planned.into_iter().map(permit).collect()
    }

    /// Waits until one call of its own kind (a look-up, a revocation) may be sent; it must be sent
    /// at once. These calls have a reserved share, so that the bulk does not starve them. May be
    /// cancelled.
    pub async fn reserved(self: &Arc<Self>) -> Result<(), NoPermit> {
        let Some(line) = self.stytch else {
            return Ok(());
        };
        let permit = tokio::time::timeout(RESERVE_PATIENCE, self.reserved_permit(line));
        let planned = permit.await.map_err(|_| NoPermit)?;
        self.tell_of_a_call(&planned);
        Ok(())
    }

    /// The same for a search for a user, for which Stytch has a limit of its own.
    pub async fn search(self: &Arc<Self>) -> Result<(), NoPermit> {
        self.searches.until_ready().await;
        self.reserved().await
    }

    /// Reports what a call came to.
    pub fn answered(self: &Arc<Self>, evidence: Evidence, outcome: &CallOutcome) {
        let Some(trials) = evidence.trials else {
            return;
        };
        let mut state = self.state();
        for (line, trial) in self.lines.iter().zip(trials) {
            if let Some(said) = report(line.name, outcome) {
                let report = ferry_core::ceiling::Report { trial, ..said };
                state.reports.add(line.name, report);
            }
        }
        if state.is_urgent() {
            self.ask_if_need_be(&mut state);
        }
    }

    /// What keeps calls back now, as far as rates go.
    pub fn limits_now(&self) -> Option<Limit> {
        let state = self.state();
        if state.is_away {
            Some(Limit::Ledger)
        } else if state.held_until > self.now() {
            Some(Limit::AskedToWait)
        } else {
            state.short
        }
    }

    async fn another(self: &Arc<Self>) -> Option<Planned> {
        self.wait(1, Waiter::Claimed).await.pop()
    }

    async fn wait(self: &Arc<Self>, wanted: usize, waiter: Waiter) -> Vec<Planned> {
        let mut waiting = Waiting::begin(self, wanted, waiter);
        loop {
            // Made before the look, so that no change in between is missed.
            let changed = self.changed.notified();
            let again_at = match self.look(&mut waiting) {
                Ok(planned) => return planned,
                Err(again_at) => again_at,
            };
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(self.began + again_at) => {}
            }
        }
    }

    /// Takes permits within reach, or tells when to look again. Asks for more if need be.
    fn look(self: &Arc<Self>, waiting: &mut Waiting<'_>) -> Result<Vec<Planned>, Duration> {
        let mut state = self.state();
        let now = self.now();
        let (reach, ahead, left_to_others) = match waiting.waiter {
            Waiter::Batch { claim } => {
                state.claim = claim;
                let ahead = (2 * claim + CLAIM_MARGIN).clamp(NEAREST, FARTHEST);
                let reach = Reach {
                    from: now + claim.min(LONGEST_CLAIM),
                    until: now + ahead,
                };
                (reach, ahead, state.claimed)
            }
            Waiter::Claimed => {
                let reach = Reach {
                    from: now,
                    until: Duration::MAX,
                };
                (reach, Duration::MAX, 0)
            }
        };
        let available = state.hand.len().saturating_sub(left_to_others);
        let planned = state.hand.take(waiting.wanted.min(available), reach);
        state.use_of_permits.count += planned.len();
        waiting.got(&mut state, planned.len());
        self.ask_if_need_be(&mut state);
        if !planned.is_empty() {
            return Ok(planned);
        }
        let within_reach = state.hand.first().map(|opens| opens.saturating_sub(ahead));
        let again_at = [within_reach, state.asks_at()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now + LEDGER_PAUSE);
        Err(again_at.max(now + SHORTEST_WAIT))
    }

    /// Permits that were not used.
    fn give_back(&self, planned: Planned) {
        if planned.window.closes > self.now() {
            self.state().hand.put(planned);
            self.changed.notify_waiters();
        }
    }

    /// What a test or a benchmark counts calls by. Nothing is worked out unless somebody listens.
    fn tell_of_a_call(&self, planned: &Planned) {
        if tracing::enabled!(target: "ferry_worker::limiter", tracing::Level::TRACE) {
            let now = self.now();
            let ledger = self.state().clock.map(|clock| clock.ledger_at(now));
            let sent = ledger.map(Moment::as_micros);
            let planned = planned.at.as_micros();
            tracing::trace!(target: "ferry_worker::limiter", sent, planned, "call sent");
        }
    }

    /// The process's clock.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it holds the permits")
    }
}

impl State {
    /// When the next exchange begins by itself; `None` while one is under way or none is needed.
    fn asks_at(&self) -> Option<Duration> {
        let is_needed = !self.is_asking && self.wanted > self.hand.len();
        let running_out = self
            .hand
            .last()
            .map_or(Duration::ZERO, |opens| opens.saturating_sub(RUNNING_OUT));
        is_needed.then(|| running_out.max(self.ask_at))
    }

    /// The ledger is to know at once of what was refused.
    fn is_urgent(&self) -> bool {
        !self.is_away && self.reports.hold_a_refusal()
    }
}

impl Use {
    /// So many will be used in the next [`STEADY`], if all goes on as it did.
    fn expected(&mut self, now: Duration) -> usize {
        let elapsed = now.saturating_sub(self.since);
        if elapsed >= STEADY {
            let shares = elapsed.as_micros() / STEADY.as_micros();
            self.steady = self.count / usize::try_from(shares).unwrap_or(usize::MAX);
            (self.count, self.since) = (0, now);
        }
        self.steady
    }
}

/// The timer's resolution.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Somebody who waits; counted among the wanted until it is dropped.
#[derive(Debug)]
struct Waiting<'a> {
    limiter: &'a Limiter,
    wanted: usize,
    waiter: Waiter,
}

impl<'a> Waiting<'a> {
    fn begin(limiter: &'a Limiter, wanted: usize, waiter: Waiter) -> Self {
        let mut state = limiter.state();
        state.wanted += wanted;
        if matches!(waiter, Waiter::Claimed) {
            state.claimed += wanted;
        }
        Self {
            limiter,
            wanted,
            waiter,
        }
    }

    fn got(&mut self, state: &mut State, permits: usize) {
        self.wanted -= permits;
        state.wanted -= permits;
        if matches!(self.waiter, Waiter::Claimed) {
            state.claimed -= permits;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let left = self.wanted;
        self.got(&mut self.limiter.state(), left);
    }
}

#[cfg(test)]
#[path = "limiter/tests.rs"]
mod tests;
