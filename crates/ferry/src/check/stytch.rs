//! Credentials and clock.

use anyhow::Result;
use ferry_core::Timestamp;
use ferry_core::failure::{Judgement, judge};
use ferry_ledger::{Clock, SystemClock};
use ferry_stytch::{Client, Endpoint, Failure};

use super::Code;
use super::report::{Area, Report};
use crate::config::{Api, Config};

/// Beyond this, sessions get ends that are noticeably wrong.
const SKEW_SECONDS: u64 = 10;
/// Beyond this, tokens are skipped that live, or called that are over.
const WRONG_SECONDS: u64 = 5 * 60;

/// Asks Stytch who we are and what time it is. `None`: it cannot be asked for more.
pub(super) async fn look(
    config: &Config,
    endpoint: Endpoint,
    report: &mut Report,
) -> Result<Option<Client>> {
    let told = format!("{} ({})", endpoint, endpoint.environment());
    let api = match config.stytch.api {
        Api::B2b => ferry_stytch::Api::B2b,
        Api::Consumer => ferry_stytch::Api::Consumer,
    };
    let secret = config.stytch.secret.secret().clone();
    let client = Client::new(&ferry_stytch::Settings {
        call_timeout: config.stytch.call_timeout.get(),
        connect_timeout: config.stytch.call_timeout.get() / 2,
        ..ferry_stytch::Settings::new(endpoint, config.stytch.project_id.clone(), secret, api)
    })?;
    let area = Area::new("project").told(told.clone());
    let (area, usable) = match client.whoami().await {
        Ok(project) if project.project_id == config.stytch.project_id => (
            area.told(format!("{told}: \"{}\"", fit(&project.name))),
            true,
        ),
        Ok(_) => {
            let cause = "the credentials belong to another project than stytch.project_id";
            (area.with(Code::ProjectDiffers, cause), false)
        }
        Err(failure) => (area.with(code_of(&failure), failure.to_string()), false),
    };
    report.add(area);
    report.add(clock(client.date().await));
    Ok(usable.then_some(client))
}

fn code_of(failure: &Failure) -> Code {
    match failure {
        Failure::Refused(refusal) => match judge(refusal) {
            Judgement::SetUp(_) => Code::CredentialsRefused,
            _ => Code::StytchAway,
        },
        Failure::NotSent { .. } | Failure::Unanswered(_) => Code::StytchAway,
    }
}

/// The project's name, fit for a terminal.
fn fit(name: &str) -> String {
    let name = name.chars().take(40);
    name.filter(|character| !character.is_control()).collect()
}

/// By the date of Stytch's reply, which came a moment ago.
fn clock(date: Option<String>) -> Area {
    let now = SystemClock::start().now();
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    let theirs = date.and_then(|date| parser.parse_timestamp(&date).ok());
    let area = Area::new("clock");
    let Some(theirs) = theirs else {
        return Area::passed_over("clock", "Stytch's reply has no date to compare with");
    };
    compared(
        area,
        Timestamp::from_millis(theirs.as_millisecond()),
        now,
        "Stytch's",
    )
}

/// Compares their clock with ours.
pub(super) fn compared(area: Area, theirs: Timestamp, ours: Timestamp, whose: &str) -> Area {
    let ahead = ours.since(theirs).as_secs();
    let behind = theirs.since(ours).as_secs();
    let (skew, way) = if ahead > 0 {
        (ahead, "ahead of")
    } else {
        (behind, "behind")
    };
    let told = format!("this machine's clock is {skew} s {way} {whose}");
    if skew > WRONG_SECONDS {
        area.with(Code::ClockWrong, told)
    } else if skew > SKEW_SECONDS {
        area.with(Code::ClockSkewed, told)
    } else {
        area.told(format!("within {SKEW_SECONDS} s of {whose}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_in_both_directions() {
        let at = Timestamp::from_seconds;
        let judged = |ours, theirs| {
            let area = compared(Area::new("clock"), at(theirs), at(ours), "Stytch's");
            format!("{area:?}")
        };
        assert!(judged(1000, 1009).contains("within 10 s"));
        assert!(judged(1000, 1011).contains("ClockSkewed"));
        assert!(judged(1301, 1000).contains("301 s ahead of"));
        assert!(judged(1301, 1000).contains("ClockWrong"));
    }
}
