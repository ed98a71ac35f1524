//! From what the ledger tells to what is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::budget::{Moment, Rate};
use ferry_core::ceiling::CeilingConfig;
use ferry_core::forecast::{Expiries, Forecast};
use ferry_core::state::RunState;
use ferry_ledger::budgets::{BudgetName, BudgetRow};
use ferry_ledger::survey::{Survey, SurveyedRun};
use ferry_metrics::{
    AllowedRate, Budget, FinishForecast, LimitedBy, QueueDepths, RunSnapshot, ServiceSnapshot,
};

use crate::config::Rates;

/// A rate that is used so far limits.
const USED_UP: f64 = 0.8;

/// How fast all workers may be together, and are.
pub(super) struct Pace {
    lines: Vec<Line>,
    settled_per_second: f64,
}

struct Line {
    name: BudgetName,
    rate: Rate,
    is_lowered: bool,
    /// Nobody may call at all, for now.
    is_held: bool,
}

impl Pace {
    /// By the workers' settings where the ledger knows them, else by those of this process.
    pub(super) fn of(
        rates: &Rates,
        budgets: &[BudgetRow],
        settled_per_second: f64,
        now: Timestamp,
    ) -> Self {
        // What cannot be in force was refused when the settings were read.
        let in_force = rates.in_force().ok();
        let configured = in_force.map(|rates| {
            [
                (BudgetName::Stytch, rates.stytch),
                (BudgetName::Userinfo, rates.userinfo),
            ]
        });
        let lines = configured.into_iter().flatten().filter_map(|(name, rate)| {
            let row = budgets.iter().find(|row| row.name == name);
            Some(Line::of(name, rate?, row, now))
        });
        Self {
            lines: lines.collect(),
            settled_per_second,
        }
    }

    fn slowest(&self) -> Option<&Line> {
        self.lines.iter().min_by(|one, other| {
            one.rate
                .as_per_second()
                .total_cmp(&other.rate.as_per_second())
        })
    }

    fn limits(&self) -> LimitedBy {
        if self.lines.iter().any(|line| line.is_held) {
            return LimitedBy::AskedToWait;
        }
        match self.slowest() {
            Some(line) if self.settled_per_second >= USED_UP * line.rate.as_per_second() => {
                match line.name {
                    BudgetName::Userinfo => LimitedBy::Userinfo,
                    BudgetName::Stytch if line.is_lowered => LimitedBy::Refusals,
                    BudgetName::Stytch => LimitedBy::Stytch,
                }
            }
            _ => LimitedBy::Workers,
        }
    }
}

impl Line {
    fn of(name: BudgetName, configured: Rate, row: Option<&BudgetRow>, now: Timestamp) -> Self {
        let Some(row) = row else {
            return Self {
                name,
                rate: configured,
                is_lowered: false,
                is_held: false,
            };
        };
        let theirs = CeilingConfig::of(row.configured);
        let now = Moment::from_micros(now.as_millis().saturating_mul(1000));
        Self {
            name,
            rate: row.ceiling.rate(theirs),
            is_lowered: row.ceiling.is_lowered(theirs),
            is_held: row.ceiling.not_before(now) > now,
        }
    }
}

/// Everything, as it is shown.
pub(super) fn snapshot(
    survey: Survey,
    pace: &Pace,
    queues: Option<QueueDepths>,
    took: Duration,
) -> ServiceSnapshot {
    let now = survey.read_at;
    let limited_by = limited_by(&survey, pace);
    let mut forecasts = forecasts(&survey, pace);
    let overdue = survey.sweep_due_since.map(|since| now.since(since));
    let runs = survey.runs.into_iter();
    ServiceSnapshot {
        read_at: now,
        took,
        runs: runs
            .map(|run| {
                let forecast = forecasts.remove(&run.id);
                shown(run, forecast, now)
            })
            .collect(),
        allowed: pace.lines.iter().map(allowed).collect(),
        settled_per_second: pace.settled_per_second,
        limited_by,
        mappings: survey.mappings,
        sweep_overdue_seconds: overdue.unwrap_or_default().as_secs_f64(),
        workers: survey.workers,
        queues,
    }
}

fn allowed(line: &Line) -> AllowedRate {
    AllowedRate {
        budget: match line.name {
            BudgetName::Stytch => Budget::Stytch,
            BudgetName::Userinfo => Budget::Userinfo,
        },
        rate: line.rate,
    }
}

/// What comes of each run with open sessions, at the rate that they share; none without a rate. A
/// paused run takes part as if it were resumed now.
fn forecasts(survey: &Survey, pace: &Pace) -> BTreeMap<ferry_core::id::RunId, FinishForecast> {
    let Some(line) = pace.slowest() else {
        return BTreeMap::new();
    };
    let open: Vec<_> = survey
        .runs
        .iter()
        .filter(|run| run.books.open() > 0)
        .collect();
    let expiries: Vec<&Expiries> = open.iter().map(|run| &run.expiries).collect();
    let forecasts = Expiries::forecast_together(&expiries, line.rate, survey.read_at);
    let told = |forecast: Forecast| FinishForecast {
        finish_at: survey.read_at.plus(forecast.finish),
        expiring: forecast.expire,
    };
    let ids = open.iter().map(|run| run.id);
    ids.zip(forecasts.into_iter().map(told)).collect()
}

fn shown(run: SurveyedRun, forecast: Option<FinishForecast>, now: Timestamp) -> RunSnapshot {
    RunSnapshot {
        id: run.id,
        name: run.name,
        state: run.state,
        pause_cause: run.pause_cause,
        books: run.books,
        dead: summed(run.dead),
        skipped: summed(run.skipped),
        due: run.due,
        oldest_due_seconds: run
            .due_since
            .map_or(0.0, |since| now.since(since).as_secs_f64()),
        unresolved: run.unresolved,
        forecast,
    }
}

/// Several reasons may be of a newer release.
fn summed<R: Ord>(counts: Vec<(R, u64)>) -> BTreeMap<R, u64> {
    let mut sums = BTreeMap::new();
    for (reason, count) in counts {
        *sums.entry(reason).or_default() += count;
    }
    sums
}

fn limited_by(survey: &Survey, pace: &Pace) -> LimitedBy {
    let open = || survey.runs.iter().filter(|run| run.books.open() > 0);
    let active = || open().filter(|run| run.state != RunState::Paused);
    let has_work = |run: &SurveyedRun| run.books.queued + run.books.running + run.due > 0;
    if open().next().is_none() {
        LimitedBy::NothingLeft
    } else if active().next().is_none() {
        LimitedBy::Paused
    } else if !active().any(has_work) {
        LimitedBy::NotDue
    } else {
        pace.limits()
    }
}

#[cfg(test)]
#[path = "reading/tests.rs"]
mod tests;
