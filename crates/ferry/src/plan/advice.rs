//! What the operator can do about it.

use std::time::Duration;

use ferry_core::reason::SkipReason;
use serde::Serialize;

use super::{Assumptions, Coverage, Plan};
use crate::shape::{counted, grouped, lasting};

/// One line of advice: the code is stable, the text is not.
#[derive(Debug, Serialize)]
pub(super) struct Advice {
    code: &'static str,
    pub(super) text: String,
}

pub(super) fn of(plan: &Plan, assumed: &Assumptions<'_>) -> Vec<Advice> {
    let coverage = &plan.coverage;
    let mut advice = Vec::new();
    let mut say = |code, text: String| advice.push(Advice { code, text });
    if coverage.rows > 0 && coverage.carried == 0 {
        say(
            "nothing_to_carry",
            "no session of this export can be carried".to_owned(),
        );
    }
    if coverage.only_in_browser > 0 {
        say("only_in_browser", browser(coverage.only_in_browser));
    }
    if coverage.expires_first > 0 {
        say("expires_first", too_slow(plan));
    }
    for (code, count, what, reason) in skipped(coverage) {
        if count > 0 {
            let rows = counted(count, "row");
            say(code, format!("{rows} {what}: {}", reason.remedy()));
        }
    }
    if coverage.duplicates * 4 > coverage.rows {
        say(
            "many_duplicates",
            "more than a quarter of the rows are duplicates: export.columns.session_id may name a column that is not the session's own".to_owned(),
        );
    }
    if plan.tokens.unknown > 0 {
        say("unknown_expiry", unknown(plan.tokens.unknown));
    }
    if assumed.rates.provider.is_none() && assumed.rates.userinfo.is_none() {
        say(
            "no_provider",
            "nothing spares the legacy provider: each session is one call to its UserInfo endpoint. Name it in rates.provider".to_owned(),
        );
    }
    of_people(plan, &mut say);
    advice
}

fn browser(count: u64) -> String {
    format!(
        "{} without a token: it lives in browsers or apps only. Let the application carry these when their users come back, or tell these users that they have to sign in again",
        counted(count, "session")
    )
}

fn too_slow(plan: &Plan) -> String {
    let limited = plan
        .forecast
        .as_ref()
        .map_or("", |forecast| forecast.limited_by.explained());
    format!(
        "{} expire before their turn: the rate is limited by {limited}. Raise it, begin sooner after the export, or carry in several waves with fresh exports",
        counted(plan.coverage.expires_first, "session")
    )
}

fn skipped(coverage: &Coverage) -> [(&'static str, u64, &'static str, SkipReason); 3] {
    [
        (
            "expired",
            coverage.expired,
            "with a token that is over",
            SkipReason::Expired,
        ),
        (
            "wrong_audience",
            coverage.wrong_audience,
            "with a JWT that is not for the UserInfo endpoint",
            SkipReason::WrongAudience,
        ),
        (
            "missing_scope",
            coverage.missing_scope,
            "with a JWT that lacks a scope",
            SkipReason::MissingScope,
        ),
    ]
}

fn unknown(count: u64) -> String {
    format!(
        "nobody knows when {} end, so they go last: name the column in export.columns.token_expires_at",
        counted(count, "token")
    )
}

fn of_people(plan: &Plan, say: &mut impl FnMut(&'static str, String)) {
    let Some(limit) = &plan.people.limit else {
        return;
    };
    if plan.people.without_subject > 0 {
        let text = format!(
            "the subject of {} is unknown, so the limit of one person is not kept for them: name its column in export.columns.subject",
            counted(plan.people.without_subject, "session")
        );
        say("unknown_subject", text);
    }
    let life = plan.tokens.life.map_or(0, |life| life.median);
    if limit.people_above > 0 && limit.largest_seconds > life {
        let text = format!(
            "the person with {} sessions needs {}, longer than half of the tokens live: is it a robot or a test account? Leave it out of the export",
            grouped(plan.people.largest_sessions),
            lasting(Duration::from_secs(limit.largest_seconds))
        );
        say("one_person_takes_long", text);
    }
}
