//! `[rates]`: what is set, and what is in force by it.

use std::num::NonZeroU32;

use anyhow::{Result, bail};
use ferry_core::budget::{self, Share, SubjectLimit};
use ferry_core::preset::{Preset, Provider};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::load::range;
use super::rate::Rate;

/// How fast, over all workers together. What each rate is for, and how it is kept: [rates.md](rates.md).
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rates {
    /// Calls to Stytch per second, all kinds together: 0.00028 (one in an hour) to 10000, or
    /// `unlimited` (on loopback only). 65 is what Stytch's guides allow bulk scripts; for session
    /// migration no limit is published. An upper bound: while Stytch answers 429, Ferry stays
    /// below it.
    pub(crate) stytch: Rate,
    /// The legacy provider: `auth0-free`, `auth0-professional`, `auth0-enterprise` or `custom`. Its
    /// known limits hold for the calls to its UserInfo endpoint, one for each session. `custom`
    /// knows none: give `userinfo`, or `subject_burst` with `subject_per_minute`. Unset: as
    /// `custom`, but nothing need be given, and then nothing spares the provider.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known_provider"
    )]
    #[schemars(with = "Option<String>")]
    pub(crate) provider: Option<Provider>,
    /// How much of the provider's tenant-wide limit is left for live logins, in percent: 0 to 95.
    /// More is kinder to those who log in meanwhile, less is faster.
    #[serde(deserialize_with = "percent")]
    pub(crate) headroom: u32,
    /// Calls to the UserInfo endpoint per second, 0.00028 (one in an hour) to 10000. Unset: what
    /// the headroom leaves of the provider's limit. Set, it stands over both.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub(crate) userinfo: Option<budget::Rate>,
    /// Calls to the UserInfo endpoint about one person (the column `subject`, else the `sub` of a
    /// JWT) that may be made at once, 1 to 1000. Unset: the provider's, a little below its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject_burst: Option<u32>,
    /// Further calls about that person, per minute: 0.017 (one in an hour) to 1000. Unset: the
    /// provider's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject_per_minute: Option<f64>,
}

/// The rates that the settings come to. `None`: no limit is known or wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RatesInForce {
    /// Calls to Stytch.
    pub(crate) stytch: Option<budget::Rate>,
    /// Calls to the legacy provider's UserInfo endpoint.
    pub(crate) userinfo: Option<budget::Rate>,
    /// Of these, calls about one person.
    pub(crate) subject: Option<SubjectLimit>,
}

/// A rate in force: its name, what it is, where it comes from.
pub(crate) type Explained = (&'static str, String, String);

impl Default for Rates {
    fn default() -> Self {
        Self {
            stytch: Rate::default(),
            provider: None,
            // See `ferry_core::preset::DEFAULT_SHARE`.
            headroom: 50,
            userinfo: None,
            subject_burst: None,
            subject_per_minute: None,
        }
    }
}

impl Rates {
    /// What holds by these settings.
    ///
    /// # Errors
    ///
    /// Out of range, half of what belongs together, or `custom` without any rate.
    pub(crate) fn in_force(&self) -> Result<RatesInForce> {
        let preset = self.preset();
        let in_force = RatesInForce {
            stytch: self.stytch.per_second(),
            userinfo: self.userinfo.or(preset.userinfo(self.share())),
            subject: self.subject(preset.subject)?,
        };
        if self.provider == Some(Provider::Custom)
            && in_force.userinfo.is_none()
            && in_force.subject.is_none()
        {
            bail!(
                "rates.provider is custom, and no rate is set: give rates.userinfo, or rates.subject_burst with rates.subject_per_minute"
            );
        }
        Ok(in_force)
    }

    /// The highest rate that other settings could reasonably give: what Stytch's guides allow, and
    /// all of the provider's limit. `None`: nothing is known to limit it.
    pub(crate) fn highest(&self) -> Option<budget::Rate> {
        let guide = Rate::default().per_second();
        let stytch = self.stytch.per_second();
        let userinfo = higher(self.userinfo, self.preset().tenant);
        lower(stytch.and_then(|rate| higher(Some(rate), guide)), userinfo)
    }

    /// What holds, and why.
    pub(crate) fn explained(&self) -> Result<[Explained; 3]> {
        let RatesInForce {
            userinfo, subject, ..
        } = self.in_force()?;
        let preset = self.preset();
        let unknown = |setting: &str| match self.provider {
            None => "rates.provider is unset".to_owned(),
            Some(_) => format!("rates.{setting} is unset"),
        };
        let stytch = (
            "stytch",
            self.stytch.to_string(),
            "rates.stytch, at the most".to_owned(),
        );
        let of_userinfo = match (self.userinfo, preset.tenant) {
            (Some(_), _) => "rates.userinfo".to_owned(),
            (None, Some(tenant)) => format!(
                "{} % of {tenant} ({}); rates.headroom leaves {} % for live logins",
                100 - self.headroom,
                preset.provider,
                self.headroom
            ),
            (None, None) => unknown("userinfo"),
        };
        let own = [
            self.subject_burst.map(|_| "rates.subject_burst"),
            self.subject_per_minute.map(|_| "rates.subject_per_minute"),
        ];
        let own: Vec<_> = own.into_iter().flatten().collect();
        let of_subject = match (own.as_slice(), preset.subject) {
            ([], None) => unknown("subject_burst"),
            ([], Some(_)) => preset.provider.to_string(),
            (own @ [_], Some(_)) => format!("{}, {}", own.join(", "), preset.provider),
            (own, _) => own.join(", "),
        };
        let none = || "unlimited".to_owned();
        Ok([
            stytch,
            (
                "userinfo",
                userinfo.map_or_else(none, |rate| rate.to_string()),
                of_userinfo,
            ),
            (
                "one person",
                subject.map_or_else(none, |limit| limit.to_string()),
                of_subject,
            ),
        ])
    }

    fn preset(&self) -> Preset {
        self.provider.unwrap_or(Provider::Custom).preset()
    }

    /// What the headroom leaves.
    fn share(&self) -> Share {
        let percent = 100_u32.saturating_sub(self.headroom);
        Share::percent(u8::try_from(percent).unwrap_or(100))
    }

    fn subject(&self, preset: Option<SubjectLimit>) -> Result<Option<SubjectLimit>> {
        let burst = self.burst()?.or(preset.map(|limit| limit.burst));
        let sustained = self.sustained()?.or(preset.map(|limit| limit.sustained));
        match (burst, sustained) {
            (Some(burst), Some(sustained)) => Ok(Some(SubjectLimit { burst, sustained })),
            (None, None) => Ok(None),
            (Some(_), None) => bail!(half("subject_burst", "subject_per_minute")),
            (None, Some(_)) => bail!(half("subject_per_minute", "subject_burst")),
        }
    }

    fn burst(&self) -> Result<Option<NonZeroU32>> {
        let Some(burst) = self.subject_burst else {
            return Ok(None);
        };
        range("rates.subject_burst", burst, 1..=1000)?;
        Ok(NonZeroU32::new(burst))
    }

    fn sustained(&self) -> Result<Option<budget::Rate>> {
        const HIGHEST: f64 = 1000.0;
        let Some(calls) = self.subject_per_minute else {
            return Ok(None);
        };
        let rate = budget::Rate::per_minute(calls).ok();
        match rate.filter(|_| calls <= HIGHEST) {
            Some(rate) => Ok(Some(rate)),
            None => bail!(
                "rates.subject_per_minute is {calls}: give 0.017 (one in an hour) to {HIGHEST}"
            ),
        }
    }
}

fn half(given: &str, missing: &str) -> String {
    format!("rates.{given} is set and rates.{missing} is not: give both, or neither")
}

fn lower(one: Option<budget::Rate>, other: Option<budget::Rate>) -> Option<budget::Rate> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn higher(one: Option<budget::Rate>, other: Option<budget::Rate>) -> Option<budget::Rate> {
    if one < other { other } else { one }
}

// What was given is not repeated by the following: it may be a secret in the wrong place.

fn known_provider<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Provider>, D::Error> {
    let text = String::deserialize(deserializer).unwrap_or_default();
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    const HIGHEST: u32 = 95;
    let given = u32::deserialize(deserializer).ok();
    given.filter(|percent| *percent <= HIGHEST).ok_or_else(|| {
        serde::de::Error::custom(
            "want a whole number of percent, 0 to 95: what is left for live logins",
        )
    })
}
