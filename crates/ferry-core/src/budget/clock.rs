use std::time::Duration;

use super::{Moment, PERMIT_LIFE};

/// What a process knows of the difference between the ledger's clock and its own.
///
/// Each exchange with the ledger bounds it: the ledger read its clock after the question was sent
/// and before the answer came. Bounds of several exchanges are intersected, so one quick answer
/// makes up for slow ones; with time they are widened again, since clocks drift.
///
/// The own clock is monotonic: a duration since any fixed moment, such as the process's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockBounds {
    /// The ledger's clock is ahead of the own by at least so many microseconds,
    least: i128,
    /// and by at most so many.
    most: i128,
    /// When that was learnt, on the own clock.
    learnt_at: Duration,
}

/// When, on the own clock, a permit can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendWindow {
    /// Not before this.
    pub opens: Duration,
    /// Before this, else the permit is lost.
    pub closes: Duration,
}

/// NTP slews a clock by at most 500 millionths, on either side.
const DRIFT_PER_SECOND_MICROSECONDS: u128 = 1000;

impl ClockBounds {
    /// From a first exchange: asked and answered on the own clock, `ledger` as the ledger told it.
    pub fn new(asked: Duration, answered: Duration, ledger: Moment) -> Self {
        let ledger = i128::from(ledger.as_micros());
        Self {
            least: ledger - micros(answered),
            most: ledger - micros(asked),
            learnt_at: answered,
        }
    }

    /// Learns from a further exchange. Where it contradicts the bounds so far, a clock was set:
    /// then only the new one counts.
    pub fn learn(&mut self, asked: Duration, answered: Duration, ledger: Moment) {
        let new = Self::new(asked, answered, ledger);
        let drift = drift(answered.saturating_sub(self.learnt_at));
        let least = new.least.max(self.least - drift);
        let most = new.most.min(self.most + drift);
        *self = if least <= most {
            Self { least, most, ..new }
        } else {
            new
        };
    }

    /// When a permit can be used so that, wherever the truth lies within the bounds, the call is
    /// sent within [`PERMIT_LIFE`] of its planned time. `None`: the ledger answers too slowly for
    /// a permit ever to be used; see [`ClockBounds::uncertainty`].
    pub fn send_window(&self, planned: Moment) -> Option<SendWindow> {
        let planned = i128::from(planned.as_micros());
        // Until the call is sent, two horizons at the most, the clocks drift on.
        let drift = drift(2 * super::LONGEST_HORIZON);
        let opens = planned - self.least + drift;
        let closes = planned + micros(PERMIT_LIFE) - self.most - drift;
        (opens < closes && closes > 0).then(|| SendWindow {
            opens: duration(opens),
            closes: duration(closes),
        })
    }

    /// What the ledger's clock shows, from the middle of the bounds.
    pub fn ledger_at(&self, own: Duration) -> Moment {
        let middle = i128::midpoint(self.least, self.most) + micros(own);
        Moment::from_micros(i64::try_from(middle).unwrap_or(i64::MAX))
    }

    /// How far the bounds are apart. Beyond some 16 ms no permit can be used.
    pub fn uncertainty(&self) -> Duration {
        duration(self.most - self.least)
    }
}

fn drift(elapsed: Duration) -> i128 {
    let micros = elapsed.as_micros() * DRIFT_PER_SECOND_MICROSECONDS / 1_000_000;
    i128::try_from(micros).unwrap_or(i128::MAX / 4)
}

fn micros(duration: Duration) -> i128 {
    i128::try_from(duration.as_micros()).unwrap_or(i128::MAX / 4)
}

fn duration(microseconds: i128) -> Duration {
    Duration::from_micros(u64::try_from(microseconds.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn one_quick_answer_makes_up_for_slow_ones() {
        let ledger = Moment::from_micros(50_000_000);
        let mut bounds = ClockBounds::new(10 * MILLISECOND, 60 * MILLISECOND, ledger);
        assert_eq!(bounds.send_window(ledger), None);
        let quick = ledger.plus(100 * MILLISECOND);
        bounds.learn(120 * MILLISECOND, 122 * MILLISECOND, quick);
        assert!(bounds.uncertainty() <= 2 * MILLISECOND);
        bounds.learn(
            130 * MILLISECOND,
            190 * MILLISECOND,
            quick.plus(30 * MILLISECOND),
        );
        assert!(bounds.send_window(quick).is_some());
    }

    #[test]
    fn a_ledger_clock_that_was_set_is_believed_at_once() {
        let ledger = Moment::from_micros(50_000_000);
        let mut bounds = ClockBounds::new(MILLISECOND, 2 * MILLISECOND, ledger);
        let set = ledger.plus(Duration::from_hours(1));
        bounds.learn(1000 * MILLISECOND, 1001 * MILLISECOND, set);
        assert_eq!(
            bounds,
            ClockBounds::new(1000 * MILLISECOND, 1001 * MILLISECOND, set)
        );
    }

    proptest! {
        /// The own clock runs fast or slow by up to 500 millionths.
        #[test]
        fn a_call_within_its_window_is_within_its_permits_life(
            ahead in 0_i64..1_000_000_000_000,
            drift in -500_i64..=500,
            exchanges in proptest::collection::vec((1_i64..3_000_000, 0_i64..30_000, 0_i64..30_000), 1..20),
            planned in 0_i64..2_000_000,
            within in 0.0_f64..1.0,
        ) {
            let own = |true_time: i64| {
                Duration::from_micros(u64::try_from(true_time + true_time * drift / 1_000_000).unwrap())
            };
            let mut true_time = 0;
            let mut bounds: Option<ClockBounds> = None;
            for (pause, there, back) in exchanges {
                true_time += pause;
                let (asked, read, answered) = (true_time, true_time + there, true_time + there + back);
                let ledger = Moment::from_micros(read + ahead);
                match &mut bounds {
                    None => bounds = Some(ClockBounds::new(own(asked), own(answered), ledger)),
                    Some(bounds) => bounds.learn(own(asked), own(answered), ledger),
                }
                true_time = answered;
            }
            let planned_true = true_time + planned;
            let window = bounds.unwrap().send_window(Moment::from_micros(planned_true + ahead));
            if let Some(SendWindow { opens, closes }) = window {
                let sent_own = opens + closes.saturating_sub(opens).mul_f64(within);
                #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "below 2^53")]
                let sent_true = (sent_own.as_micros() as f64 / (1.0 + drift as f64 / 1e6)) as i64;
                prop_assert!(sent_true >= planned_true, "{sent_true} {planned_true}");
                prop_assert!(sent_true <= planned_true + 20_000, "{sent_true} {planned_true}");
            }
        }
    }
}
