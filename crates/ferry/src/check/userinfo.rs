//! What the legacy provider's UserInfo says of some tokens of the export: on request only, since it
//! shows them to the provider.

use std::num::NonZeroU32;
use std::str::FromStr;

use anyhow::Result;
use ferry_oidc::{Issuer, Probe, Settings, Verdict};
use governor::{DefaultDirectRateLimiter, Quota};
use secrecy::SecretString;

use super::Code;
use super::report::Area;
use crate::config::Config;
use crate::shape::{counted, grouped};

/// A token, and the row that it is from.
pub(super) type Asked = (u64, SecretString);

/// Rows by what was said of their tokens.
#[derive(Default)]
struct Said {
    email: u64,
    refused: Vec<u64>,
    no_email: Vec<u64>,
    /// Busy, down, or something else altogether.
    nothing: u64,
}

pub(super) async fn look(config: &Config, tokens: &[Asked]) -> Result<Area> {
    let area = Area::new("userinfo");
    let Some(issuer) = &config.legacy.issuer else {
        return Ok(area.with(
            Code::IssuerUnset,
            "legacy.issuer is unset: nobody can be asked",
        ));
    };
    let issuer = match Issuer::from_str(issuer) {
        Ok(issuer) => issuer,
        Err(error) => return Ok(area.with(Code::IssuerUnset, error.to_string())),
    };
    let call_timeout = config.stytch.call_timeout.get();
    let probe = Probe::new(Settings {
        issuer,
        call_timeout,
        connect_timeout: call_timeout / 2,
    })?;
    if let Err(error) = probe.discover().await {
        return Ok(area.with(Code::UserinfoAway, error.to_string()));
    }
    let pace = config.rates.in_force()?.userinfo.and_then(|rate| {
        let quota = Quota::with_period(rate.spacing())?;
        Some(DefaultDirectRateLimiter::direct(
            quota.allow_burst(NonZeroU32::MIN),
        ))
    });
    let mut said = Said::default();
    for (row, token) in tokens {
        if let Some(pace) = &pace {
            pace.until_ready().await;
        }
        said.note(*row, probe.ask(token).await);
    }
    Ok(said.judged(area, tokens.len() as u64))
}

impl Said {
    fn note(&mut self, row: u64, verdict: Verdict) {
        match verdict {
            Verdict::Email => self.email += 1,
            Verdict::Refused(_) => self.refused.push(row),
            Verdict::NoEmail => self.no_email.push(row),
            Verdict::Busy { .. } | Verdict::Down | Verdict::Unusable | Verdict::Unreachable => {
                self.nothing += 1;
            }
        }
    }

    fn judged(self, area: Area, asked: u64) -> Area {
        let told = format!(
            "vouches for {} of {}",
            grouped(self.email),
            counted(asked, "token")
        );
        let mut area = area.told(told);
        for (code, rows, what) in [
            (Code::TokensRefused, &self.refused, "refused"),
            (
                Code::EmailsMissing,
                &self.no_email,
                "answered without an email",
            ),
        ] {
            if let Some(first) = rows.first() {
                let rows = counted(rows.len() as u64, "token");
                area = area.with(code, format!("{rows} {what}, e.g. row {first}"));
            }
        }
        if self.nothing > 0 {
            let cause = format!("{} without a usable answer", counted(self.nothing, "token"));
            area = area.with(Code::UserinfoAway, cause);
        }
        area
    }
}
