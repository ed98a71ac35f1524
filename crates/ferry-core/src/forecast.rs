//! Who expires before their turn at a given rate, and what rate would save them.
//!
//! Soonest to expire goes first, at an even rate; a session whose token is over when its turn
//! comes is passed over and costs no call. Retries are not foreseen. All sums are of whole numbers:
//! the figures are exact for what they are given.

use std::fmt;
use std::time::Duration;

use crate::Timestamp;
use crate::budget::Rate;

/// Sessions that wait, counted by when their tokens expire: a histogram, or one entry for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expiries(Vec<(Timestamp, u64)>);

/// What comes of the sessions that wait, at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Carried before their tokens expire.
    pub carried: u64,
    /// Expire before their turn; a higher rate would save some.
    pub expire: u64,
    /// Have expired already.
    pub over: u64,
    /// When the last call is made, counted from now; zero without any.
    pub finish: Duration,
}

/// Two rates compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The present rate,
    pub rate: Rate,
    /// and what comes of it.
    pub forecast: Forecast,
    /// Another, higher rate,
    pub other: Rate,
    /// and how many more it would carry.
    pub saved: u64,
}

impl Expiries {
    /// From counts by expiry, in any order. Of a histogram's bucket give its early end: then the
    /// forecast errs on the safe side.
    pub fn new(counts: impl IntoIterator<Item = (Timestamp, u64)>) -> Self {
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable();
        Self(counts)
    }

    /// What comes of them at this rate.
    pub fn forecast(&self, rate: Rate, now: Timestamp) -> Forecast {
        Self::forecast_together(&[self], rate, now)[0]
    }

    /// What comes of the sessions of several runs that share this rate: soonest to expire goes
    /// first, whichever run it is of. One forecast for each, in their order.
    pub fn forecast_together(runs: &[&Self], rate: Rate, now: Timestamp) -> Vec<Forecast> {
        let pace = Pace::of(rate);
        let nothing = Forecast {
            carried: 0,
            expire: 0,
            over: 0,
            finish: Duration::ZERO,
        };
        let mut forecasts = vec![nothing; runs.len()];
        let mut entries: Vec<_> = runs
            .iter()
            .enumerate()
            .flat_map(|(run, expiries)| expiries.0.iter().map(move |entry| (*entry, run)))
            .collect();
        entries.sort_unstable();
        let mut turns = 0_u64;
        for ((expires_at, count), run) in entries {
            let forecast = &mut forecasts[run];
            let left = expires_at.since(now);
            if left.is_zero() {
                forecast.over = forecast.over.saturating_add(count);
                continue;
            }
            let room = pace.turns_within(left).saturating_sub(turns);
            let carried = count.min(room);
            turns += carried;
            forecast.carried += carried;
            forecast.expire = forecast.expire.saturating_add(count - carried);
            if carried > 0 {
                forecast.finish = pace.turn(turns - 1);
            }
        }
        forecasts
    }

    /// The lowest rate, in thousandths of a call per second, at which nobody expires before their
    /// turn who has not expired already. `None`: nobody waits, or even
    /// [`Rate::HIGHEST`] would not do.
    pub fn rate_that_saves_all(&self, now: Timestamp) -> Option<Rate> {
        let mut ahead = 0_u64;
        let mut needed = None;
        for &(expires_at, count) in &self.0 {
            let left = expires_at.since(now);
            if left.is_zero() || count == 0 {
                continue;
            }
            ahead = ahead.saturating_add(count);
            // The last of them has turn ahead − 1, which must come before `left` is over.
            let thousandths = u128::from(ahead - 1) * MILLION / left.as_millis() + 1;
            needed = needed.max(Some(thousandths));
        }
        let thousandths = u32::try_from(needed?).ok()?;
        Rate::per_second((f64::from(thousandths) / 1000.0).max(Rate::LOWEST.as_per_second())).ok()
    }

    /// What another rate would save.
    pub fn compare(&self, rate: Rate, other: Rate, now: Timestamp) -> Comparison {
        let forecast = self.forecast(rate, now);
        Comparison {
            rate,
            forecast,
            other,
            saved: self
                .forecast(other, now)
                .carried
                .saturating_sub(forecast.carried),
        }
    }
}

/// Milliseconds in a second times thousandths in a call.
const MILLION: u128 = 1_000_000;

/// A rate in whole thousandths of a call per second; the n-th turn (from 0) is n/rate from now.
#[derive(Debug, Clone, Copy)]
struct Pace {
    thousandths: u128,
}

impl Pace {
    fn of(rate: Rate) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate has bounds: from 0.28 to 10,000,000 thousandths"
        )]
        let thousandths = (rate.as_per_second() * 1000.0).round().max(1.0) as u32;
        Self {
            thousandths: thousandths.into(),
        }
    }

    /// How many turns come before `left` is over.
    fn turns_within(self, left: Duration) -> u64 {
        let turns = (left.as_millis() * self.thousandths).div_ceil(MILLION);
        u64::try_from(turns).unwrap_or(u64::MAX)
    }

    /// When this turn comes.
    fn turn(self, turn: u64) -> Duration {
        let millis = u128::from(turn) * MILLION / self.thousandths;
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expire = self.forecast.expire;
        if expire == 0 {
            return write!(f, "at {}, no session expires before its turn", self.rate);
        }
        let (noun, verb, their) = if expire == 1 {
            ("session", "expires", "its")
        } else {
            ("sessions", "expire", "their")
        };
        let count = grouped(expire);
        write!(
            f,
            "at {}, {count} {noun} {verb} before {their} turn",
            self.rate
        )?;
        if self.saved > 0 {
            write!(f, "; {} would save {}", self.other, grouped(self.saved))?;
        }
        Ok(())
    }
}

/// 41300 as 41,300.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

    fn rate(thousandths: u32) -> Rate {
        Rate::per_second(f64::from(thousandths) / 1000.0).unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn the_sentence_for_the_operator() {
        let expiries = Expiries::new([(at(3600), 84_500), (at(90_000), 5000)]);
        let compared = expiries.compare(rate(12_000), rate(20_833), NOW);
        assert_eq!(
            compared.to_string(),
            "at 12/s, 41,300 sessions expire before their turn; 20.83/s would save 31,799"
        );
        assert_eq!(
            expiries
                .compare(rate(25_000), rate(65_000), NOW)
                .to_string(),
            "at 25/s, no session expires before its turn"
        );
    }

    #[test]
    fn what_has_expired_is_nobodys_turn() {
        let expiries = Expiries::new([(at(0), 7), (NOW, 1), (Timestamp::NEVER, 3)]);
        let forecast = expiries.forecast(rate(1000), NOW);
        assert_eq!(
            (forecast.over, forecast.carried, forecast.expire),
            (8, 3, 0)
        );
        assert_eq!(forecast.finish, Duration::from_secs(2));
    }

    #[test]
    fn nobody_waits_for_nothing() {
        let none = Expiries::default();
        assert_eq!(none.rate_that_saves_all(NOW), None);
        assert_eq!(none.forecast(rate(65_000), NOW).finish, Duration::ZERO);
    }

    #[test]
    fn ten_million_sessions_do_not_overflow() {
        let expiries = Expiries::new([(at(86_400), u64::MAX), (at(90_000), u64::MAX)]);
        let forecast = expiries.forecast(rate(10_000_000), NOW);
        assert_eq!(forecast.carried, 900_000_000);
        assert_eq!(expiries.rate_that_saves_all(NOW), None);
    }

    /// Session by session: the n-th call is made n/rate from now.
    fn brute_force(expiries: &[(u64, u64)], thousandths: u32) -> (u64, u64) {
        let mut sessions: Vec<u64> = expiries
            .iter()
            .flat_map(|&(left, count)| (0..count).map(move |_| left))
            .collect();
        sessions.sort_unstable();
        let (mut calls, mut expired) = (0, 0);
        for left in sessions {
            // Before its turn's time, n/rate, it must not have expired.
            if calls * 1_000_000 < left * u64::from(thousandths) {
                calls += 1;
            } else {
                expired += 1;
            }
        }
        (calls, expired)
    }

    fn any_expiries() -> impl Strategy<Value = Vec<(u64, u64)>> {
        proptest::collection::vec((1_u64..200_000, 0_u64..60), 0..30)
    }

    fn expiries_of(counts: &[(u64, u64)]) -> Expiries {
        let at = |left: u64| NOW.plus(Duration::from_millis(left));
        Expiries::new(counts.iter().map(|&(left, count)| (at(left), count)))
    }

    proptest! {
        #[test]
        fn it_is_what_a_schedule_session_by_session_gives(
            counts in any_expiries(),
            thousandths in 1_u32..100_000,
        ) {
            let forecast = expiries_of(&counts).forecast(rate(thousandths), NOW);
            prop_assert_eq!((forecast.carried, forecast.expire), brute_force(&counts, thousandths));
        }

        #[test]
        fn runs_that_share_a_rate_come_to_what_one_run_would(
            ours in any_expiries(),
            theirs in any_expiries(),
            thousandths in 1_u32..100_000,
        ) {
            let (ours, theirs) = (expiries_of(&ours), expiries_of(&theirs));
            let rate = rate(thousandths);
            let each = Expiries::forecast_together(&[&ours, &theirs], rate, NOW);
            let all = Expiries::new(ours.0.iter().chain(&theirs.0).copied()).forecast(rate, NOW);
            prop_assert_eq!(each[0].carried + each[1].carried, all.carried);
            prop_assert_eq!(each[0].expire + each[1].expire, all.expire);
            prop_assert_eq!(each[0].finish.max(each[1].finish), all.finish);
        }

        #[test]
        fn the_rate_that_saves_all_is_the_lowest(counts in any_expiries()) {
            let expiries = expiries_of(&counts);
            let Some(needed) = expiries.rate_that_saves_all(NOW) else {
                let highest = expiries.forecast(Rate::HIGHEST, NOW);
                prop_assert!(highest.expire > 0 || highest.carried == 0);
                return Ok(());
            };
            prop_assert_eq!(expiries.forecast(needed, NOW).expire, 0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
            let thousandths = (needed.as_per_second() * 1000.0).round() as u32;
            if thousandths > 1 {
                prop_assert!(expiries.forecast(rate(thousandths - 1), NOW).expire > 0);
            }
        }

        #[test]
        fn a_higher_rate_never_carries_fewer(
            counts in any_expiries(),
            lower in 1_u32..50_000,
            more in 0_u32..50_000,
        ) {
            let expiries = expiries_of(&counts);
            let carried = |thousandths| expiries.forecast(rate(thousandths), NOW).carried;
            prop_assert!(carried(lower + more) >= carried(lower));
        }
    }
}
