//! Which column of the export holds what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which column of the export holds what. For NDJSON, a column is a key of the object.
///
/// Names are compared exactly, after trimming. A value that is empty, `NULL`, `\N` or (NDJSON)
/// `null` counts as not given. Dates are RFC 3339 with a zone (`2026-01-31T12:00:00Z`) or Unix
/// seconds or milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// The legacy access token, alone (without `Bearer`), at most 16 KiB of visible ASCII. It must
    /// still be accepted by the legacy provider's UserInfo endpoint.
    pub access_token: String,
    /// The organization as Stytch knows it: id, slug or external id. Not read for the Consumer API.
    pub organization: String,
    /// The stable id of the legacy session, by which the application will ask for the mapping at
    /// cut-over. It must not change when the token is refreshed.
    pub session_id: String,
    /// The user's id at the legacy provider. It keeps calls for one user within the provider's
    /// limit per user. Unset: the column `subject` if there is one, else the `sub` of a JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The user's email. Stytch's reply is compared with it, so that nobody gets another person's
    /// session; without it (and without `external_id`) that check is weaker. Unset: the column
    /// `email` if there is one, else the `email` of a JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The user's full name. Given to members that Ferry creates (`stytch.members`), and not looked at
    /// otherwise. Unset: the column `name` if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id that you gave the member at Stytch. A firmer check than the email, which can change
    /// after login. Unset: the column `external_id` if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Until when the access token is accepted (a date). It sets the order of the calls: soonest
    /// first. A JWT's own `exp` counts too, and the earlier of both holds. Unset: the column
    /// `token_expires_at` if there is one. Unknown ends go last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<String>,
    /// Until when the user may stay signed in (a date). It sets how long the Stytch session lasts,
    /// and is never guessed from the token's end. Unset: the column `session_expires_at` if there
    /// is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_expires_at: Option<String>,
    /// The session ends so long after its last use: whole seconds, or a duration such as `30m`,
    /// `8 hours` or `PT8H`. Counts only together with `last_active_at`. Unset: the column
    /// `idle_timeout` if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<String>,
    /// No use extends the session beyond this (a date). Unset: the column `absolute_expires_at` if
    /// there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_expires_at: Option<String>,
    /// The last use of the session (a date). Unset: the column `last_active_at` if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active_at: Option<String>,
    /// Custom claims of the Stytch session: claim name = column name. CSV values become strings,
    /// NDJSON scalars keep their type; empty ones are left out. Together at most 3.5 KiB as JSON
    /// for each session, since Stytch takes 4 KiB and Ferry's own claim needs room. The claims
    /// travel in every session JWT: what is not needed there is better left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_claims: BTreeMap<String, String>,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    AccessToken,
    Organization,
    SessionId,
    Subject,
    Email,
    Name,
    ExternalId,
    TokenExpiresAt,
    SessionExpiresAt,
    IdleTimeout,
    AbsoluteExpiresAt,
    LastActiveAt,
}

impl Default for Columns {
    fn default() -> Self {
        let named = |role: Role| role.name().to_owned();
        Self {
            access_token: named(Role::AccessToken),
            organization: named(Role::Organization),
            session_id: named(Role::SessionId),
            subject: None,
            email: None,
            name: None,
            external_id: None,
            token_expires_at: None,
            session_expires_at: None,
            idle_timeout: None,
            absolute_expires_at: None,
            last_active_at: None,
            custom_claims: BTreeMap::new(),
        }
    }
}

impl Columns {
    /// The column that the configuration names for `role`; `None`: the default name, if present.
    pub(super) fn named(&self, role: Role) -> Option<&str> {
        match role {
            Role::AccessToken => Some(&self.access_token),
            Role::Organization => Some(&self.organization),
            Role::SessionId => Some(&self.session_id),
            Role::Subject => self.subject.as_deref(),
            Role::Email => self.email.as_deref(),
            Role::Name => self.name.as_deref(),
            Role::ExternalId => self.external_id.as_deref(),
            Role::TokenExpiresAt => self.token_expires_at.as_deref(),
            Role::SessionExpiresAt => self.session_expires_at.as_deref(),
            Role::IdleTimeout => self.idle_timeout.as_deref(),
            Role::AbsoluteExpiresAt => self.absolute_expires_at.as_deref(),
            Role::LastActiveAt => self.last_active_at.as_deref(),
        }
    }

    /// The first custom claim whose name belongs to Stytch, to JWT or to Ferry.
    pub fn reserved_claim(&self) -> Option<&str> {
        self.custom_claims
            .keys()
            .map(String::as_str)
            .find(|claim| is_reserved(claim))
    }
}

impl Role {
    pub(super) const COUNT: usize = 12;
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::AccessToken,
        Self::Organization,
        Self::SessionId,
        Self::Subject,
        Self::Email,
        Self::Name,
        Self::ExternalId,
        Self::TokenExpiresAt,
        Self::SessionExpiresAt,
        Self::IdleTimeout,
        Self::AbsoluteExpiresAt,
        Self::LastActiveAt,
    ];

    /// The setting under `columns`, which is the default column name too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::Organization => "organization",
            Self::SessionId => "session_id",
            Self::Subject => "subject",
            Self::Email => "email",
            Self::Name => "name",
            Self::ExternalId => "external_id",
            Self::TokenExpiresAt => "token_expires_at",
            Self::SessionExpiresAt => "session_expires_at",
            Self::IdleTimeout => "idle_timeout",
            Self::AbsoluteExpiresAt => "absolute_expires_at",
            Self::LastActiveAt => "last_active_at",
        }
    }
}

/// JWT's registered claims, which Stytch sets itself; the claim that carries Ferry's attempt id;
/// and the name space of Stytch's own claims. Source: Stytch's guide "Custom claims".
fn is_reserved(claim: &str) -> bool {
    const RESERVED: [&str; 8] = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "ferry_attempt",
    ];
    claim.is_empty() || RESERVED.contains(&claim) || claim.starts_with("https://stytch.com/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_means_the_default_names() {
        let columns: Columns = serde_json::from_str("{}").expect("every field has a default");
        assert_eq!(columns, Columns::default());
        assert_eq!(columns.named(Role::AccessToken), Some("access_token"));
        assert_eq!(columns.named(Role::Email), None);
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let refused = serde_json::from_str::<Columns>(r#"{"acces_token": "token"}"#);
        assert!(refused.is_err());
    }

    #[test]
    fn claims_of_jwt_of_stytch_and_of_ferry_are_reserved() {
        for claim in [
            "sub",
            "exp",
            "ferry_attempt",
            "https://stytch.com/session",
            "",
        ] {
            let columns = Columns {
                custom_claims: BTreeMap::from([(claim.to_owned(), "column".to_owned())]),
                ..Columns::default()
            };
            assert_eq!(columns.reserved_claim(), Some(claim));
        }
    }

    #[test]
    fn every_setting_is_described_in_the_schema() {
        let schema = schemars::schema_for!(Columns).to_value();
        let settings = schema["properties"].as_object().expect("an object");
        assert_eq!(settings.len(), Role::COUNT + 1);
        for (name, setting) in settings {
            assert!(setting["description"].is_string(), "{name}");
        }
    }
}
