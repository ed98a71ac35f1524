//! What comes of a run's open sessions at the rate in force.

use std::time::Duration;

use anyhow::Result;
use ferry_core::Timestamp;
use ferry_core::budget::Rate;
use ferry_core::ceiling::CeilingConfig;
use ferry_core::forecast::{Comparison, Expiries};
use ferry_ledger::budgets::{BudgetName, BudgetRow};
use serde::Serialize;

use crate::config::Rates;

/// What comes of the open sessions: its JSON form is documented in docs/report.md.
#[derive(Debug, Serialize)]
pub(crate) struct Forecast {
    rate_per_second: f64,
    pub(crate) limited_by: LimitedBy,
    seconds_left: u64,
    carried: u64,
    expire: u64,
    pub(crate) over: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    faster: Option<Faster>,
    #[serde(skip)]
    pub(crate) comparison: Comparison,
}

/// A higher rate.
#[derive(Debug, Serialize)]
struct Faster {
    rate_per_second: f64,
    saved: u64,
}

/// What keeps the rate from being higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitedBy {
    /// The setting.
    Stytch,
    /// Stytch's own answers.
    Refusals,
    /// The legacy provider.
    Userinfo,
}

impl LimitedBy {
    pub(crate) fn explained(self) -> &'static str {
        match self {
            Self::Stytch => "rates.stytch",
            Self::Refusals => "Stytch, which refuses more (429)",
            Self::Userinfo => {
                "the legacy provider: see rates.provider, rates.headroom and rates.userinfo"
            }
        }
    }
}

/// The rate in force, and the highest that one could wish for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    rate: Rate,
    limited_by: LimitedBy,
    highest: Option<Rate>,
}

impl Pace {
    /// By the settings, and by what the ledger knows of them. `None`: nothing limits the rate.
    pub(crate) fn of(rates: &Rates, budgets: &[BudgetRow]) -> Result<Option<Self>> {
        let in_force = rates.in_force()?;
        let stytch = in_force.stytch.map(|configured| {
            let (rate, is_lowered) = at_present(BudgetName::Stytch, configured, budgets);
            let limited_by = if is_lowered {
                LimitedBy::Refusals
            } else {
                LimitedBy::Stytch
            };
            (rate, limited_by)
        });
        let userinfo = in_force.userinfo.map(|configured| {
            let (rate, _) = at_present(BudgetName::Userinfo, configured, budgets);
            (rate, LimitedBy::Userinfo)
        });
        let lowest = match (stytch, userinfo) {
            (Some(stytch), Some(userinfo)) if stytch.0 < userinfo.0 => Some(stytch),
            (stytch, userinfo) => userinfo.or(stytch),
        };
        Ok(lowest.map(|(rate, limited_by)| Self {
            rate,
            limited_by,
            highest: rates.highest(),
        }))
    }

    /// What comes of these sessions.
    pub(crate) fn forecast(self, expiries: &Expiries, now: Timestamp) -> Forecast {
        let needed = expiries
            .rate_that_saves_all(now)
            .map_or(Rate::HIGHEST, rounded_up);
        let other = self.highest.map_or(needed, |highest| needed.min(highest));
        let comparison = expiries.compare(self.rate, other, now);
        let forecast = comparison.forecast;
        Forecast {
            rate_per_second: self.rate.as_per_second(),
            limited_by: self.limited_by,
            seconds_left: forecast.finish.as_secs(),
            carried: forecast.carried,
            expire: forecast.expire,
            over: forecast.over,
            faster: (comparison.saved > 0).then(|| Faster {
                rate_per_second: comparison.other.as_per_second(),
                saved: comparison.saved,
            }),
            comparison,
        }
    }
}

impl Forecast {
    pub(crate) fn left(&self) -> Duration {
        Duration::from_secs(self.seconds_left)
    }
}

/// The rate that the workers keep at present, at most the configured one; and whether refusals have
/// lowered it. They may have been started with another rate than is configured here.
fn at_present(name: BudgetName, configured: Rate, budgets: &[BudgetRow]) -> (Rate, bool) {
    let Some(row) = budgets.iter().find(|row| row.name == name) else {
        return (configured, false);
    };
    let theirs = CeilingConfig::of(row.configured);
    let rate = row.ceiling.rate(theirs);
    (
        rate.min(configured),
        row.ceiling.is_lowered(theirs) && rate < configured,
    )
}

/// In whole calls per second, or per minute below one: nobody sets 20.833.
fn rounded_up(rate: Rate) -> Rate {
    let calls = rate.as_per_second();
    let rounded = if calls >= 1.0 {
        Rate::per_second(calls.ceil())
    } else {
        Rate::per_minute((calls * 60.0).ceil())
    };
    rounded.unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use ferry_core::budget::{Budget, Moment};
    use ferry_core::ceiling::{Ceiling, ReadAt, Report};
    use ferry_core::preset::Provider;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);

    fn rate(calls: f64) -> Rate {
        Rate::per_second(calls).unwrap()
    }

    fn after(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn professional() -> Rates {
        Rates {
            provider: Some(Provider::Auth0Professional),
            ..Rates::default()
        }
    }

    /// Stytch's budget after it has refused calls at `configured`: half of it.
    fn refused(configured: f64) -> BudgetRow {
        let config = CeilingConfig::of(rate(configured));
        let mut ceiling = Ceiling::new(config);
        for second in 10..20 {
            let now = Moment::from_micros(1_767_268_800_000_000).plus(Duration::from_secs(second));
            let report = Report {
                trial: ceiling.evidence(now),
                refused: 10,
                ..Report::default()
            };
            let booked_until = now;
            ceiling.observe(report, config, ReadAt { now, booked_until });
            if ceiling.is_lowered(config) {
                break;
            }
        }
        BudgetRow {
            name: BudgetName::Stytch,
            budget: Budget::default(),
            configured: rate(configured),
            ceiling,
        }
    }

    fn pace(rates: &Rates, budgets: &[BudgetRow]) -> (f64, LimitedBy) {
        let pace = Pace::of(rates, budgets).unwrap().unwrap();
        (pace.rate.as_per_second(), pace.limited_by)
    }

    #[test]
    fn the_lowest_of_the_limits_is_the_rate() {
        assert_eq!(pace(&Rates::default(), &[]), (65.0, LimitedBy::Stytch));
        assert_eq!(pace(&professional(), &[]), (12.5, LimitedBy::Userinfo));
        let refused = [refused(65.0)];
        let (rate, limited_by) = pace(&Rates::default(), &refused);
        assert_eq!(limited_by, LimitedBy::Refusals);
        assert!(rate < 65.0, "{rate}");
        assert_eq!(pace(&professional(), &refused), (12.5, LimitedBy::Userinfo));
        let unlimited = Rates {
            stytch: crate::config::Rate::Unlimited,
            ..Rates::default()
        };
        assert_eq!(Pace::of(&unlimited, &[]).unwrap(), None);
    }

    #[test]
    fn the_faster_rate_saves_all_within_what_the_provider_allows() {
        let expiries = Expiries::new([(after(3600), 72_000), (after(90_000), 5000)]);
        let pace = Pace::of(&professional(), &[]).unwrap().unwrap();
        let forecast = pace.forecast(&expiries, NOW);
        assert_eq!(
            forecast.comparison.to_string(),
            "at 12.5/s, 27,000 sessions expire before their turn; 20/s would save 27,000"
        );
        let expiries = Expiries::new([(after(3600), 500_000)]);
        let forecast = pace.forecast(&expiries, NOW);
        let faster = forecast.faster.unwrap();
        assert_eq!((faster.rate_per_second, faster.saved), (25.0, 45_000));
    }

    #[test]
    fn a_rate_that_would_save_all_is_one_that_one_would_set() {
        for (needed, shown) in [(20.833, "21/s"), (0.83, "50/min"), (9999.5, "10000/s")] {
            assert_eq!(rounded_up(rate(needed)).to_string(), shown);
        }
    }

    #[test]
    fn where_nobody_expires_no_faster_rate_is_told() {
        let expiries = Expiries::new([(after(3600), 10)]);
        let pace = Pace::of(&professional(), &[]).unwrap().unwrap();
        let forecast = pace.forecast(&expiries, NOW);
        assert!(forecast.faster.is_none());
        assert_eq!((forecast.carried, forecast.expire), (10, 0));
    }
}
