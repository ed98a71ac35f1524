//! Shared rates: which calls may be made when, over all workers together.
//!
//! A budget is one number in the ledger: the earliest time of the next permit. A worker takes a
//! slice of permits, each with the time at which its call is planned, and moves that number on.
//! This is the generic cell rate algorithm (GCRA, ITU-T I.371) with a burst of one; the number is
//! its theoretical arrival time.
//!
//! **The promise.** With the rate L per second, no sliding second holds more than L sends (L
//! rounded up to a whole call; below one per second: no 1/L seconds hold two), whoever took which
//! permits, and whichever of them were used. Of L, 98 % can be used.
//!
//! **Why it holds.** A call is sent at its planned time or up to [`PERMIT_LIFE`] (w) later, never
//! earlier, else its permit is lost. Of L + 1 sends, two were planned at least L spacings apart;
//! the earlier may be late by less than w, so they lie more than L · spacing − w apart. With a
//! spacing of (1 s + w) / L ([`Rate::spacing`]) that is more than one second.
//!
//! What no arithmetic can promise: while the ledger's clock is set *forward*, up to a horizon's
//! permits of the time before are used beside those of the time after.

mod clock;
mod moment;
mod rate;
mod subject;

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use clock::{ClockBounds, SendWindow};
pub use moment::Moment;
pub use rate::{InvalidRate, Rate, Share};
pub use subject::{SubjectBudget, SubjectLimit, SubjectTurns};

/// A permit that was not used for so long after its planned time is lost. Long enough for a busy
/// scheduler, short enough to cost 2 % of the rate.
pub const PERMIT_LIFE: Duration = Duration::from_millis(20);

/// The longest horizon of a [`Request`]: what workers hold already does not follow a lowered rate.
pub const LONGEST_HORIZON: Duration = Duration::from_secs(1);

/// What the sweeper and the exchange at cut-over may count on: one call in twenty.
pub const RESERVE: Share = Share::percent(5);

/// What the ledger keeps of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// No further permit is planned before this: the last planned time and one spacing.
    pub next_at: Moment,
    /// The same for the reserved share, which has a spacing of its own: see [`Lane::Reserved`].
    pub reserved_next_at: Moment,
}

/// Who asks for permits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lane {
    /// The bulk.
    Bulk,
    /// The sweeper and the exchange. They take permits like the bulk; where the bulk has booked
    /// all up to its horizon, they still get those behind it, up to this share of the rate. So the
    /// share is never wasted, and never waits longer than two horizons.
    Reserved(Share),
}

/// A request for permits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// At most so many.
    pub wanted: NonZeroU32,
    /// Until a permit can be used: about the time that the answer takes to arrive (0 to 50 ms).
    /// Permits planned earlier would be lost on the way.
    pub lead: Duration,
    /// Only permits planned within so long; at most [`LONGEST_HORIZON`].
    pub horizon: Duration,
    /// No permit before this: Stytch asked to wait.
    pub not_before: Moment,
    /// Who asks.
    pub lane: Lane,
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Permits.
    Slice(Slice),
    /// No permit lies within the horizon.
    Later {
        /// When to ask again, at the earliest.
        after: Duration,
    },
}

/// Permits with evenly spaced planned times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The planned time of the first.
    pub first: Moment,
    /// From one planned time to the next.
    pub spacing: Duration,
    /// How many.
    pub permits: NonZeroU32,
}

impl Slice {
    /// The planned times, in order.
    pub fn planned(self) -> impl Iterator<Item = Moment> {
        (0..self.permits.get()).map(move |n| self.first.plus(self.spacing * n))
    }
}

/// One of the budgets that a call spends.
#[derive(Debug)]
pub struct Line<'a> {
    /// What the ledger keeps of it.
    pub budget: &'a mut Budget,
    /// Its rate.
    pub rate: Rate,
}

impl Budget {
    /// Takes permits of this budget alone: see [`take`].
    pub fn take(&mut self, rate: Rate, request: Request, now: Moment) -> Grant {
        take(&mut [Line { budget: self, rate }], request, now)
    }

    /// Until when permits are planned. The bound never bites while the clock goes on; it is for one
    /// that was set back.
    pub fn booked_until(&self, rate: Rate, now: Moment) -> Moment {
        let furthest = now.plus(2 * LONGEST_HORIZON + rate.spacing());
        self.next_at.min(furthest)
    }

    /// How many of the `wanted` permits the reserved share has.
    fn reserved(&self, spacing: Duration, horizon: Duration, now: Moment) -> u32 {
        permits(self.reserved_next_at.max(now), spacing, now.plus(horizon))
    }
}

/// Takes permits for calls that spend all of these budgets at once: a migrate call spends Stytch's
/// and the legacy provider's. They have one planned time, so they must be taken together. Without
/// any budget, all that is wanted is planned at once.
///
/// `now` is the ledger's clock, so that all workers share it. The arithmetic is of whole
/// microseconds, so that one statement can do the same:
///
/// ```text
/// each:     next_at  = min(next_at, now + 2 s + spacing)
/// together: first    = max(all next_at, now + lead, not_before), slowest = max(all spacing)
///           permits  = min(wanted, ceil((now + horizon - first) / slowest)), 0 if negative
/// each:     next_at' = first + (permits - 1) * slowest + spacing, if permits > 0, else next_at
/// ```
///
/// The upper bound on `next_at` never bites while the clock goes on: no permit is planned further
/// ahead than two horizons. So a clock that was set back an hour costs two seconds.
pub fn take(lines: &mut [Line<'_>], request: Request, now: Moment) -> Grant {
    let horizon = request.horizon.min(LONGEST_HORIZON);
    let mut first = now.plus(request.lead).max(request.not_before);
    let mut slowest = Duration::ZERO;
    for Line { budget, rate } in &mut *lines {
        budget.next_at = budget.booked_until(*rate, now);
        first = first.max(budget.next_at);
        slowest = slowest.max(rate.spacing());
    }
    let bulk = permits(first, slowest, now.plus(horizon)).min(request.wanted.get());
    let available = match request.lane {
        Lane::Reserved(share) if bulk == 0 => {
            let behind = permits(first, slowest, now.plus(2 * horizon));
            let wanted = behind.min(request.wanted.get());
            take_reserved(lines, wanted, share, horizon, now)
        }
        Lane::Bulk | Lane::Reserved(_) => bulk,
    };
    let Some(permits) = NonZeroU32::new(available) else {
        return Grant::Later {
            after: first.since(now.plus(horizon)).max(SHORTEST_WAIT),
        };
    };
    let last = first.plus(slowest * (permits.get() - 1));
    for Line { budget, rate } in lines {
        budget.next_at = last.plus(rate.spacing());
    }
    Grant::Slice(Slice {
        first,
        spacing: slowest,
        permits,
    })
}

/// How many of the `wanted` permits all reserved shares have; they are spent from each.
fn take_reserved(
    lines: &mut [Line<'_>],
    wanted: u32,
    share: Share,
    horizon: Duration,
    now: Moment,
) -> u32 {
    let mut taken = wanted;
    for Line { budget, rate } in &mut *lines {
        let spacing = share.widen(rate.spacing());
        budget.reserved_next_at = budget
            .reserved_next_at
            .min(now.plus(LONGEST_HORIZON + spacing));
        taken = taken.min(budget.reserved(spacing, horizon, now));
    }
    for Line { budget, rate } in lines {
        let spent = share.widen(rate.spacing()) * taken;
        if taken > 0 {
            budget.reserved_next_at = budget.reserved_next_at.max(now).plus(spent);
        }
    }
    taken
}

/// Asking more often than once in a millisecond is of no use to anybody.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// How many planned times, from `first` on, lie before `end`.
fn permits(first: Moment, spacing: Duration, end: Moment) -> u32 {
    let count = end
        .since(first)
        .as_micros()
        .div_ceil(spacing.as_micros().max(1));
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "budget/tests.rs"]
mod tests;
