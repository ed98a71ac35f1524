//! The rate that Stytch allows, found by its own answers.
//!
//! No limit is published for session migration, so the configured rate is an upper bound only.
//! Below it, the ceiling looks for the highest rate that is not refused: a rate is tried for a
//! *round*; what its calls came to decides whether it is good, and what is tried next.
//!
//! - **Refused, and no lower rate is known to be good:** half of it.
//! - **Refused, and a lower rate is known to be good:** back to that one.
//! - **Good:** up by a small step, which doubles with each round that is good, so that a raised
//!   limit is found in a dozen rounds. Between a good rate and a refused one the middle is tried,
//!   until they are 3 % (at least one call) apart: then the good one is held, and the refused one
//!   tried again every 30 to 45 s. A probe is given up at its first refusals: it costs less than
//!   1 % of the calls.
//!
//! **Only calls of the rate itself are evidence.** Answers come late, and workers hold permits of
//! the rate before. So each rate has a number, its calls carry it ([`Ceiling::evidence`]), and
//! calls of its first window, which it shares with the rate before, carry none.
//!
//! The state is small and serializable: it stands beside its budget in the ledger, is changed in
//! the same statement in which a worker takes a slice, and so is shared by all workers at their
//! next one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::budget::{Moment, Rate};

/// What the operator and the endpoint set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CeilingConfig {
    /// Never above this.
    pub configured: Rate,
    /// How long the limit's fixed windows are. Stytch's are fixed ("top of the hour"), their
    /// length for this endpoint is not published; a second is the shortest that its figures are
    /// given in.
    pub window: Duration,
}

impl CeilingConfig {
    /// With windows of one second.
    pub const fn of(configured: Rate) -> Self {
        Self {
            configured,
            window: Duration::from_secs(1),
        }
    }
}

/// The number of a rate: calls carry it, so that late answers are not taken for answers to the
/// rate after.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Trial(u32);

impl Trial {
    /// As stored beside a call.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// What some calls of one worker came to since its last report. Only calls that Stytch answered:
/// outages are the breaker's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// What [`Ceiling::evidence`] said of their permits; calls of several are reported apart.
    pub trial: Option<Trial>,
    /// Calls that were not refused for their rate: all but 429 `too_many_requests`.
    pub allowed: u32,
    /// Calls that were refused with 429 `too_many_requests`.
    pub refused: u32,
    /// The longest `Retry-After` among the refused.
    pub retry_after: Option<Duration>,
}

/// When a report is read, on the ledger's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadAt {
    /// Now.
    pub now: Moment,
    /// [`crate::budget::Budget::booked_until`]: permits of the present rate are planned up to here.
    pub booked_until: Moment,
}

/// The state: see the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// The rate in force.
    rate: Rate,
    trial: Trial,
    /// Calls planned from here on are evidence for the rate.
    judged_from: Moment,
    /// When this round began.
    round_from: Moment,
    /// What this round's calls came to.
    allowed: u64,
    refused: u64,
    retry_after: Duration,
    /// The highest rate that was good since the limit last fell.
    good: Option<Rate>,
    /// The lowest that was refused since the limit last rose.
    bad: Option<Rate>,
    /// The next step up, in calls per second.
    step: f64,
    /// A held rate is not left before this.
    probe_at: Moment,
    /// No call before this.
    not_before: Moment,
    /// When a report was last read.
    read_at: Moment,
}

/// Refusals below this share are not the rate's doing: live logins share the project's limit, and
/// calls are jumbled on the way.
const TOLERATED_SHARE: f64 = 0.005;

/// A rate that was good, or may well be, is refused so often before it is given up; a probe above a
/// good one, once.
const REFUSALS_TO_GIVE_UP: u64 = 3;

/// A round lasts so many calls, but from 3 to 6 s.
const ROUND_CALLS: f64 = 30.0;

/// This part of a round's calls must be answered, else the workers are slower than the rate and
/// the round says nothing of it.
const ROUND_ANSWERED: f64 = 0.7;

/// A rate is held for so many calls before the next probe, but from 30 to 45 s. A probe costs some
/// two refusals, so less than 1 % of the calls.
const HELD_CALLS: f64 = 225.0;

/// Neighbours among rates: 3 %, at least one call per second.
const SMALLEST_STEP: f64 = 0.03;

/// Longer than the longest `Retry-After` that is waited for: what is stored can only hold so long.
const LONGEST_HOLD: Duration = Duration::from_hours(1);

/// After a long `Retry-After`, so many times as long passes before the next probe.
const HELD_RETRY_AFTERS: u32 = 30;

/// A clock that goes back by more was set.
const CLOCK_STEP: Duration = Duration::from_secs(2);

impl Ceiling {
    /// Begins at the configured rate.
    pub fn new(config: CeilingConfig) -> Self {
        Self {
            rate: config.configured,
            trial: Trial::default(),
            judged_from: Moment::EARLIEST,
            round_from: Moment::EARLIEST,
            allowed: 0,
            refused: 0,
            retry_after: Duration::ZERO,
            good: None,
            bad: None,
            step: 0.0,
            probe_at: Moment::EARLIEST,
            not_before: Moment::EARLIEST,
            read_at: Moment::EARLIEST,
        }
    }

    /// The rate in force: whole calls per second from one on, never above the configured one.
    pub fn rate(&self, config: CeilingConfig) -> Rate {
        self.rate.min(config.configured)
    }

    /// No permit is to be planned before this; in the past if nothing is held.
    pub fn not_before(&self, now: Moment) -> Moment {
        self.not_before.min(now.plus(LONGEST_HOLD))
    }

    /// Which rate a call with this planned time is evidence for.
    pub fn evidence(&self, planned: Moment) -> Option<Trial> {
        (planned >= self.judged_from).then_some(self.trial)
    }

    /// Whether a rate below the configured one is in force because of refusals.
    pub fn is_lowered(&self, config: CeilingConfig) -> bool {
        self.rate < config.configured
    }

    /// Follows a configured rate that was changed: where the rate `before` was in force, or more
    /// than the new one, the new one is from now on; a lower one that was found stands.
    ///
    /// Not a new trial: of processes that are configured differently each does so at every turn,
    /// and no rate would ever be judged.
    pub fn reconfigure(&mut self, before: Rate, config: CeilingConfig) {
        if self.rate >= before || self.rate > config.configured {
            self.rate = config.configured;
        }
    }

    /// Takes a report in. An empty one only tells the time: so that a clock that is set back is
    /// noticed while nothing is called.
    pub fn observe(&mut self, report: Report, config: CeilingConfig, at: ReadAt) {
        self.keep_up_with_the_clock(at.now);
        let asked = report.retry_after.unwrap_or_default().min(LONGEST_HOLD);
        if self.not_before > at.now {
            // Late answers to the rate before may ask for more.
            self.not_before = self.not_before.max(at.now.plus(asked));
        }
        if report.trial != Some(self.trial) {
            return;
        }
        self.allowed += u64::from(report.allowed);
        self.refused += u64::from(report.refused);
        self.retry_after = self.retry_after.max(asked);
        if self.is_given_up() {
            self.lower(config, at);
        } else {
            self.end_round(config, at);
        }
    }

    /// Where the ledger's clock was set back, nothing waits for the time to come round again.
    fn keep_up_with_the_clock(&mut self, now: Moment) {
        if self.read_at == Moment::EARLIEST {
            self.begin_round(now);
        }
        if now.plus(CLOCK_STEP) < self.read_at {
            self.not_before = self.not_before.min(now);
            self.judged_from = self.judged_from.min(now);
            self.probe_at = self.probe_at.min(now);
            self.begin_round(now);
        }
        self.read_at = now;
    }

    fn is_given_up(&self) -> bool {
        let is_probe = self.good.is_some_and(|good| good < self.rate);
        let refusals = if is_probe { 1 } else { REFUSALS_TO_GIVE_UP };
        self.refused >= refusals
            && count(self.refused) > TOLERATED_SHARE * count(self.allowed + self.refused)
    }

    fn lower(&mut self, config: CeilingConfig, at: ReadAt) {
        let refused = self.rate.as_per_second();
        self.bad = Some(self.rate);
        let was_a_probe = self.good.is_some_and(|good| good < self.rate);
        let next = match self.good.filter(|_| was_a_probe) {
            Some(good) => good.as_per_second(),
            // What was good is not any more: a little less, and if that is refused too, half.
            None if self.good.take().is_some() => refused - smallest_step(refused),
            None => refused / 2.0,
        };
        self.step = smallest_step(next);
        let hold = at.now.plus(self.retry_after);
        let last_planned = at.booked_until.max(at.now);
        // Back from a probe, what it took too much of a window is little: nothing to wait for.
        self.not_before = if was_a_probe {
            hold
        } else {
            hold.max(last_planned.next_edge(config.window))
        };
        let before_a_probe = held_for(next).max(self.retry_after * HELD_RETRY_AFTERS);
        self.probe_at = at.now.plus(before_a_probe);
        self.try_rate(next, config, at);
    }

    fn end_round(&mut self, config: CeilingConfig, at: ReadAt) {
        let rate = self.rate.as_per_second();
        let lasted = at.now.since(self.round_from.max(self.judged_from));
        let round = round_of(rate);
        if lasted < round {
            return;
        }
        let answered = count(self.allowed + self.refused);
        if answered >= ROUND_ANSWERED * rate * round.as_secs_f64() {
            self.raise(config, at);
        } else if lasted > 3 * round {
            self.begin_round(at.now);
        }
    }

    /// The rate was good for a round.
    fn raise(&mut self, config: CeilingConfig, at: ReadAt) {
        self.good = Some(self.rate);
        self.bad = self.bad.filter(|bad| *bad > self.rate);
        let rate = self.rate.as_per_second();
        let smallest = smallest_step(rate);
        let room = self
            .bad
            .map_or(f64::INFINITY, |bad| bad.as_per_second() - rate);
        let is_held = room <= smallest && at.now < self.probe_at;
        if is_held || !self.is_lowered(config) {
            self.begin_round(at.now);
            return;
        }
        self.step = self.step.max(smallest);
        let up = if room <= smallest {
            // The limit may have risen: the refused rate itself.
            room
        } else {
            self.step.min(room / 2.0).max(smallest)
        };
        self.step *= 2.0;
        self.try_rate(rate + up, config, at);
    }

    fn try_rate(&mut self, rate: f64, config: CeilingConfig, at: ReadAt) {
        self.rate = whole(rate, config);
        self.trial = Trial(self.trial.0.wrapping_add(1));
        let first = at.booked_until.max(self.not_before).max(at.now);
        self.judged_from = first.next_edge(config.window);
        self.begin_round(self.judged_from);
    }

    fn begin_round(&mut self, from: Moment) {
        self.round_from = from;
        self.allowed = 0;
        self.refused = 0;
        self.retry_after = Duration::ZERO;
    }
}

/// Windows count whole calls, so only whole rates differ; below one per second the ceiling does not
/// go, unless it is configured so.
fn whole(rate: f64, config: CeilingConfig) -> Rate {
    let configured = config.configured.as_per_second();
    if rate >= configured || configured <= 1.0 {
        return config.configured;
    }
    Rate::per_second(rate.floor().max(1.0)).unwrap_or(config.configured)
}

fn smallest_step(rate: f64) -> f64 {
    (SMALLEST_STEP * rate).ceil().max(1.0)
}

fn round_of(rate: f64) -> Duration {
    Duration::from_secs_f64((ROUND_CALLS / rate).clamp(3.0, 6.0))
}

fn held_for(rate: f64) -> Duration {
    Duration::from_secs_f64((HELD_CALLS / rate).clamp(30.0, 45.0))
}

#[expect(clippy::cast_precision_loss, reason = "a share is a rough figure")]
fn count(calls: u64) -> f64 {
    calls as f64
}

#[cfg(test)]
#[path = "ceiling/simulation.rs"]
mod simulation;

#[cfg(test)]
#[path = "ceiling/tests.rs"]
mod tests;
