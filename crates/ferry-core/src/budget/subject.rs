use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Moment, Rate};

/// How often the legacy provider may be asked about one person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubjectLimit {
    /// So many calls at once, after a quiet time,
    pub burst: NonZeroU32,
    /// then this rate. Without the allowance of [`Rate::spacing`]: the provider's bucket is not a
    /// sliding second, and the limit is set below it.
    pub sustained: Rate,
}

/// What the ledger keeps of one person, while [`SubjectBudget::is_idle`] is false.
///
/// The generic cell rate algorithm with a burst: of several sessions of one person some may be
/// called now, the others are told when to come back, each at a time of its own. Nothing is booked
/// for them: whoever comes back asks again, so a session that expired meanwhile costs nobody
/// anything but its own turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SubjectBudget {
    /// The theoretical arrival time: when the bucket is full again.
    pub full_at: Moment,
    /// Turns before this were promised to sessions that were told to come back.
    pub promised_until: Moment,
}

/// Who of several sessions of one person may be called now, and when the others come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectTurns {
    /// The first so many may be called now.
    pub now: u32,
    /// The next comes back after this,
    pub first_wait: Duration,
    /// and each further one so long after it.
    pub spacing: Duration,
}

impl SubjectTurns {
    /// The wait of each session, in the order in which they were asked for.
    pub fn waits(self) -> impl Iterator<Item = Duration> {
        let later = (0_u32..).map(move |n| self.first_wait + self.spacing.saturating_mul(n));
        (0..self.now).map(|_| Duration::ZERO).chain(later)
    }
}

impl SubjectLimit {
    /// From one call to the next at the sustained rate.
    pub fn spacing(self) -> Duration {
        let seconds = 1.0 / self.sustained.as_per_second();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate has bounds: from 100 to 3,600,000,000 microseconds"
        )]
        Duration::from_micros((seconds * 1e6).ceil() as u64)
    }

    /// How far ahead of now a bucket with room for one more call may be full again.
    fn tolerance(self) -> Duration {
        self.spacing().saturating_mul(self.burst.get() - 1)
    }
}

impl fmt::Display for SubjectLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at once, then {}", self.burst, self.sustained)
    }
}

impl SubjectBudget {
    /// Takes turns for `sessions` of this person, the most urgent first. Of a batch, each person
    /// is asked once, with the number of their sessions: the arithmetic of one statement.
    ///
    /// ```text
    /// full   = max(min(full_at, now + burst * spacing), now)
    /// now_n  = min(sessions, floor((now + (burst - 1) * spacing - full) / spacing) + 1), 0 if negative
    /// full'  = full + now_n * spacing
    /// next   = max(full' - (burst - 1) * spacing, promised_until)
    /// wait_i = next + i * spacing - now          (i = 0 .. sessions - now_n)
    /// promised_until' = next + (sessions - now_n) * spacing, if any waits
    /// ```
    pub fn take(&mut self, limit: SubjectLimit, sessions: NonZeroU32, now: Moment) -> SubjectTurns {
        let spacing = limit.spacing();
        // The bound never bites while the clock goes on; it is for one that was set back.
        let full = self
            .full_at
            .min(now.plus(spacing.saturating_mul(limit.burst.get())))
            .max(now);
        let room = now.plus(limit.tolerance()).plus(spacing).since(full);
        let turns = u32::try_from(room.as_micros() / spacing.as_micros().max(1))
            .unwrap_or(u32::MAX)
            .min(sessions.get());
        self.full_at = full.plus(spacing.saturating_mul(turns));
        let next = self
            .full_at
            .minus(limit.tolerance())
            .max(self.promised_until);
        let left = sessions.get() - turns;
        if left > 0 {
            self.promised_until = next.plus(spacing.saturating_mul(left));
        }
        SubjectTurns {
            now: turns,
            first_wait: next.since(now),
            spacing,
        }
    }

    /// Nothing need be kept of this person any more: the bucket is full and nobody is awaited.
    pub fn is_idle(&self, now: Moment) -> bool {
        self.full_at <= now && self.promised_until <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Moment = Moment::from_micros(1_767_268_800_000_000);

    fn auth0() -> SubjectLimit {
        SubjectLimit {
            burst: NonZeroU32::new(8).unwrap(),
            sustained: Rate::per_minute(4.5).unwrap(),
        }
    }

    fn sessions(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    #[test]
    fn eight_go_now_and_the_others_come_back_one_by_one() {
        let mut alice = SubjectBudget::default();
        let turns = alice.take(auth0(), sessions(11), NOW);
        let waits: Vec<_> = turns.waits().take(11).map(|w| w.as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 13, 26, 40]);
    }

    #[test]
    fn a_second_batch_lines_up_behind_the_first() {
        let mut alice = SubjectBudget::default();
        alice.take(auth0(), sessions(10), NOW);
        let turns = alice.take(auth0(), sessions(2), NOW);
        assert_eq!(turns.now, 0);
        let waits: Vec<_> = turns.waits().take(2).map(|w| w.as_secs()).collect();
        assert_eq!(waits, [40, 53]);
    }

    #[test]
    fn who_comes_back_when_told_is_served() {
        let mut alice = SubjectBudget::default();
        let turns = alice.take(auth0(), sessions(200), NOW);
        for wait in turns.waits().take(200).filter(|wait| !wait.is_zero()) {
            assert_eq!(alice.take(auth0(), sessions(1), NOW.plus(wait)).now, 1);
        }
    }

    #[test]
    fn a_full_bucket_need_not_be_kept() {
        let mut alice = SubjectBudget::default();
        alice.take(auth0(), sessions(2), NOW);
        assert!(!alice.is_idle(NOW.plus(Duration::from_secs(26))));
        assert!(alice.is_idle(NOW.plus(Duration::from_secs(27))));
    }

    #[test]
    fn a_clock_set_back_costs_no_more_than_an_empty_bucket() {
        let mut alice = SubjectBudget::default();
        alice.take(auth0(), sessions(8), NOW.plus(Duration::from_hours(1)));
        let turns = alice.take(auth0(), sessions(1), NOW);
        assert!(turns.first_wait <= Duration::from_secs(14), "{turns:?}");
    }

    proptest! {
        /// Auth0's own bucket holds 10 and is filled at 5 per minute. A call may reach it up to
        /// 20 s after its permit: later than the call's timeout.
        #[test]
        fn the_providers_bucket_never_refuses(
            batches in proptest::collection::vec((0_u64..40_000, 1_u32..30), 1..60),
            delays in proptest::collection::vec(0_u64..20_000, 1..40),
        ) {
            let mut alice = SubjectBudget::default();
            let mut now = NOW;
            let mut arrivals = Vec::new();
            let mut delays = delays.into_iter().cycle();
            for (pause, count) in batches {
                now = now.plus(Duration::from_millis(pause));
                let turns = alice.take(auth0(), sessions(count), now);
                for delay in delays.by_ref().take(turns.now as usize) {
                    arrivals.push(now.plus(Duration::from_millis(delay)));
                }
            }
            arrivals.sort_unstable();
            let (mut tokens, mut last) = (10.0_f64, NOW);
            for arrival in arrivals {
                tokens = (tokens + arrival.since(last).as_secs_f64() * 5.0 / 60.0).min(10.0);
                last = arrival;
                prop_assert!(tokens >= 1.0);
                tokens -= 1.0;
            }
        }
    }
}
