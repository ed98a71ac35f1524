//! What an export would come to, before anything is called.

mod advice;
mod census;
mod expiry;
mod histogram;
mod keys;
mod rejects;
mod text;

use std::time::Duration;

use anyhow::Result;
use ferry_core::Timestamp;
use ferry_core::budget::{Rate, SubjectLimit};
use ferry_core::forecast::Expiries;
use ferry_core::reason::SkipReason;
use serde::Serialize;

pub(crate) use census::Census;
pub(crate) use keys::Digest;

use crate::config::Rates;
use crate::report::forecast::{Forecast, Pace};
use advice::Advice;
use census::People;
use histogram::Bar;
use rejects::RejectGroup;

/// What the operator assumes.
#[derive(Debug)]
pub(crate) struct Assumptions<'a> {
    pub(crate) rates: &'a Rates,
    /// When the run begins.
    pub(crate) begin: Timestamp,
    /// At the cut-over, all users are back within so long.
    pub(crate) back_within: Duration,
}

/// The plan; its JSON form is documented in docs/plan.md.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    export: String,
    begin: String,
    coverage: Coverage,
    rejects: Vec<RejectGroup>,
    tokens: Tokens,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<Forecast>,
    on_demand: OnDemand,
    minted: Minted,
    people: Crowd,
    expiry: Vec<Bar>,
    advice: Vec<Advice>,
}

/// Every row of the export, in one of these.
#[derive(Debug, Serialize)]
struct Coverage {
    rows: u64,
    carried: u64,
    expires_first: u64,
    only_in_browser: u64,
    expired: u64,
    session_over: u64,
    wrong_audience: u64,
    missing_scope: u64,
    duplicates: u64,
    rejected: u64,
}

/// How long the tokens of the sessions that could be carried still live.
#[derive(Debug, Serialize)]
struct Tokens {
    /// Of so many nobody knows when they end.
    unknown: u64,
    #[serde(flatten)]
    life: Option<Life>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Life {
    #[serde(rename = "soonest_seconds")]
    soonest: u64,
    #[serde(rename = "median_seconds")]
    median: u64,
    #[serde(rename = "latest_seconds")]
    latest: u64,
}

/// What carrying at the cut-over alone would demand.
#[derive(Debug, Serialize)]
struct OnDemand {
    back_within_seconds: u64,
    sessions: u64,
    calls_per_second: f64,
    /// How long the last would wait at the configured rates; absent without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_waits_seconds: Option<u64>,
}

/// What there will be at Stytch.
#[derive(Debug, Serialize)]
struct Minted {
    sessions: u64,
    organizations: u64,
}

/// People with many sessions.
#[derive(Debug, Serialize)]
struct Crowd {
    people: u64,
    without_subject: u64,
    largest_sessions: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
}

/// The limit for one person, and whom it holds up.
#[derive(Debug, Serialize)]
struct Limit {
    burst: u32,
    per_minute: f64,
    people_above: u64,
    their_sessions: u64,
    /// From the first call to the last, of the person with the most sessions.
    largest_seconds: u64,
    #[serde(skip)]
    shown: String,
}

impl Plan {
    /// From what was counted.
    pub(crate) fn of(
        export: String,
        mut census: Census,
        assumed: &Assumptions<'_>,
    ) -> Result<Self> {
        let limit = assumed.rates.in_force()?.subject;
        let many = limit.map_or(u64::MAX, |limit| limit.burst.get().into());
        let people = census.take_people(many);
        let expiries = census.expiry.all();
        let forecast =
            Pace::of(assumed.rates, &[])?.map(|pace| pace.forecast(&expiries, assumed.begin));
        let rate = forecast.as_ref().map(|forecast| forecast.comparison.rate);
        let coverage = Coverage::of(&census, forecast.as_ref());
        let mut plan = Self {
            export,
            begin: Timestamp::from_seconds(assumed.begin.as_millis() / 1000).to_string(),
            tokens: Tokens::of(&census),
            on_demand: OnDemand::of(census.live(), assumed.back_within, rate),
            minted: Minted {
                sessions: coverage.carried,
                organizations: census.organizations(),
            },
            people: Crowd::of(&census, &people, limit),
            expiry: histogram::of(&census.expiry, rate, assumed.begin),
            rejects: census.rejects.into_groups(),
            coverage,
            forecast,
            advice: Vec::new(),
        };
        plan.advice = advice::of(&plan, assumed);
        Ok(plan)
    }

    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            print!("{}", text::render(self));
        }
        Ok(())
    }
}

impl Coverage {
    fn of(census: &Census, forecast: Option<&Forecast>) -> Self {
        let skipped = |reason| census.skipped.get(&reason).copied().unwrap_or(0);
        let expires_first = forecast.map_or(0, |forecast| forecast.comparison.forecast.expire);
        Self {
            rows: census.rows,
            carried: census.live() - expires_first,
            expires_first,
            only_in_browser: census.without_token,
            expired: skipped(SkipReason::Expired),
            session_over: skipped(SkipReason::SessionOver),
            wrong_audience: skipped(SkipReason::WrongAudience),
            missing_scope: skipped(SkipReason::MissingScope),
            duplicates: census.duplicates,
            rejected: census.rejects.total(),
        }
    }
}

impl Tokens {
    fn of(census: &Census) -> Self {
        let quantile = |thousandths| {
            let found = census.expiry.quantile(thousandths);
            found.map(|left| left.as_secs())
        };
        let life = || {
            Some(Life {
                soonest: quantile(0)?,
                median: quantile(500)?,
                latest: quantile(999)?,
            })
        };
        Self {
            unknown: census.expiry.unknown,
            life: life(),
        }
    }
}

impl OnDemand {
    fn of(sessions: u64, within: Duration, rate: Option<Rate>) -> Self {
        let within_seconds = within.as_secs().max(1);
        #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
        let calls_per_second = sessions as f64 / within_seconds as f64;
        // All of them wait: none ends before its turn.
        let last = |rate| Expiries::new([(Timestamp::NEVER, sessions)]).forecast(rate, NOW);
        Self {
            back_within_seconds: within_seconds,
            sessions,
            calls_per_second: (calls_per_second * 10.0).ceil() / 10.0,
            last_waits_seconds: rate.map(|rate| last(rate).finish.as_secs()),
        }
    }
}

/// Any moment: only differences count.
const NOW: Timestamp = Timestamp::from_seconds(0);

impl Crowd {
    fn of(census: &Census, people: &People, limit: Option<SubjectLimit>) -> Self {
        Self {
            people: people.count,
            without_subject: census.without_subject,
            largest_sessions: people.largest,
            limit: limit.map(|limit| Limit::of(limit, people)),
        }
    }
}

impl Limit {
    fn of(limit: SubjectLimit, people: &People) -> Self {
        let waiting = people.largest.saturating_sub(limit.burst.get().into());
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        Self {
            burst: limit.burst.get(),
            per_minute: limit.sustained.as_per_second() * 60.0,
            people_above: people.above,
            their_sessions: people.sessions_of_those,
            largest_seconds: limit.spacing().saturating_mul(waiting).as_secs(),
            shown: limit.to_string(),
        }
    }
}
