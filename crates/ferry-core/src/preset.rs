//! What legacy providers allow: each migrated session is one call to their UserInfo endpoint.
//!
//! The tenant-wide limit is shared with live logins, so only a part of it is used: see
//! [`Preset::userinfo`].

use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr, VariantArray};

use crate::budget::{Rate, Share, SubjectLimit};

/// A legacy provider whose limits are known, or `custom`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    IntoStaticStr,
    VariantArray,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case", try_from = "String")]
pub enum Provider {
    /// Auth0, Free.
    Auth0Free,
    /// Auth0, Essentials and Professional, self-service.
    Auth0Professional,
    /// Auth0, Enterprise, without the burst add-on.
    Auth0Enterprise,
    /// Another: the operator gives the rates; none is assumed.
    Custom,
}

/// The limits of a provider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Which provider.
    pub provider: Provider,
    /// All calls of the tenant, live logins and all, per second; `None`: unknown.
    pub tenant: Option<Rate>,
    /// Calls about one person; `None`: unknown.
    pub subject: Option<SubjectLimit>,
    /// Where the figures are from.
    pub source: &'static str,
}

/// The name is no provider's. It is not repeated: it may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider{}: give one of {}", suggestion(*.nearest), names())]
pub struct UnknownProvider {
    nearest: Option<Provider>,
}

impl UnknownProvider {
    /// What was likely meant.
    pub fn nearest(&self) -> Option<Provider> {
        self.nearest
    }
}

/// The part of the tenant's limit that is used if the operator does not say: half. The other half
/// is headroom for live logins.
pub const DEFAULT_SHARE: Share = Share::percent(50);

/// Auth0 allows a burst of 10 and 5 per minute for one user; the budget stays below, for calls are
/// jumbled on the way and the user may log in meanwhile.
const SUBJECT_BURST: u32 = 8;
const SUBJECT_PER_MINUTE: f64 = 4.5;

const AUTH0_RATE_LIMITS: &str = "auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy/rate-limit-configurations";

impl Provider {
    /// Its limits.
    pub fn preset(self) -> Preset {
        let (tenant, source) = match self {
            // 300 per minute.
            Self::Auth0Free => (Some(5.0), "free-public"),
            Self::Auth0Professional => (Some(25.0), "essentials-professional-b2b"),
            Self::Auth0Enterprise => (Some(100.0), "enterprise-public"),
            Self::Custom => (None, ""),
        };
        Preset {
            provider: self,
            tenant: tenant.and_then(|calls| Rate::per_second(calls).ok()),
            subject: tenant.and_then(|_| auth0_subject()),
            source: if source.is_empty() {
                "the operator"
            } else {
                source
            },
        }
    }
}

impl Preset {
    /// The rate that migration may use of the tenant's: `share` of it (50 % leaves as much for live
    /// logins, 100 % leaves nothing).
    pub fn userinfo(self, share: Share) -> Option<Rate> {
        self.tenant.map(|tenant| tenant.times(share))
    }

    /// The page that the figures are from, in full.
    pub fn page(self) -> Option<String> {
        self.tenant
            .map(|_| format!("https://{AUTH0_RATE_LIMITS}/{}", self.source))
    }
}

fn auth0_subject() -> Option<SubjectLimit> {
    Some(SubjectLimit {
        burst: NonZeroU32::new(SUBJECT_BURST)?,
        sustained: Rate::per_minute(SUBJECT_PER_MINUTE).ok()?,
    })
}

/// The presets as a table in Markdown, for the documentation.
pub fn presets_as_markdown() -> String {
    let head = "| provider | tenant | at the default share | one person | source |\n|---|---|---|---|---|\n";
    let rows = Provider::VARIANTS.iter().map(|provider| {
        let preset = provider.preset();
        let rate = |rate: Option<Rate>| rate.map_or("as configured".to_owned(), |r| r.to_string());
        let subject = preset.subject;
        let subject = subject.map_or("as configured".to_owned(), |limit| limit.to_string());
        let page = preset
            .page()
            .map_or(String::new(), |page| format!("<{page}>"));
        let (tenant, used) = (rate(preset.tenant), rate(preset.userinfo(DEFAULT_SHARE)));
        format!("| `{provider}` | {tenant} | {used} | {subject} | {page} |\n")
    });
    std::iter::once(head.to_owned()).chain(rows).collect()
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        let name = text.trim().to_lowercase();
        let mut known = Self::VARIANTS.iter().copied();
        known
            .find(|provider| <&str>::from(provider) == name)
            .ok_or_else(|| UnknownProvider {
                nearest: nearest(&name),
            })
    }
}

impl TryFrom<String> for Provider {
    type Error = UnknownProvider;

    fn try_from(text: String) -> Result<Self, UnknownProvider> {
        text.parse()
    }
}

fn nearest(name: &str) -> Option<Provider> {
    // Below this, strings have little in common.
    const ALIKE: f64 = 0.7;
    let likeness =
        |provider: &Provider| strsim::jaro_winkler(<&str>::from(provider), &name.replace('_', "-"));
    Provider::VARIANTS
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|provider| likeness(provider) > ALIKE)
}

fn suggestion(nearest: Option<Provider>) -> String {
    nearest.map_or(String::new(), |provider| {
        format!(" (did you mean {provider}?)")
    })
}

fn names() -> String {
    let names: Vec<&str> = Provider::VARIANTS.iter().map(Into::into).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_known_by_its_name() {
        for provider in Provider::VARIANTS {
            assert_eq!(provider.to_string().parse(), Ok(*provider));
            let json = serde_json::to_string(provider).unwrap();
            assert_eq!(serde_json::from_str::<Provider>(&json).unwrap(), *provider);
        }
        assert_eq!(" Auth0-Free ".parse(), Ok(Provider::Auth0Free));
    }

    #[test]
    fn a_typo_is_told_what_was_meant() {
        for (typo, meant) in [
            ("auth0-fre", Provider::Auth0Free),
            ("auth0_enterprise", Provider::Auth0Enterprise),
            ("auht0-professional", Provider::Auth0Professional),
            ("costum", Provider::Custom),
        ] {
            let error = typo.parse::<Provider>().unwrap_err();
            assert_eq!(error.nearest(), Some(meant), "{typo}");
        }
        assert_eq!(
            "auth0-fre".parse::<Provider>().unwrap_err().to_string(),
            "unknown provider (did you mean auth0-free?): give one of auth0-free, auth0-professional, auth0-enterprise, custom"
        );
    }

    #[test]
    fn nonsense_is_not_shown() {
        let nonsense = format!("\x1b[31msecret{}", "x".repeat(10_000));
        let error = nonsense.parse::<Provider>().unwrap_err();
        assert_eq!(error.nearest(), None);
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn the_documentation_has_this_table() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rates.md");
        let page = std::fs::read_to_string(page).unwrap_or_default();
        let table = presets_as_markdown();
        assert!(
            page.contains(&table),
            "put this into docs/rates.md:\n{table}"
        );
    }

    #[test]
    fn half_is_left_for_live_logins() {
        let rates = Provider::VARIANTS.iter().map(|provider| {
            let rate = provider.preset().userinfo(DEFAULT_SHARE);
            rate.map(Rate::as_per_second)
        });
        assert_eq!(
            rates.collect::<Vec<_>>(),
            [Some(2.5), Some(12.5), Some(50.0), None]
        );
    }

    #[test]
    fn every_figure_has_its_source() {
        for provider in Provider::VARIANTS {
            let preset = provider.preset();
            assert_eq!(preset.tenant.is_some(), preset.page().is_some());
            assert!(presets_as_markdown().contains(&format!("| `{provider}` |")));
        }
        let subject = Provider::Auth0Free.preset().subject.unwrap();
        assert_eq!(subject.burst.get(), 8);
        assert_eq!(subject.sustained.to_string(), "4.5/min");
    }
}
