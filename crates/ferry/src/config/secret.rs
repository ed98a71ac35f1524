//! Settings that are not to be shown.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::{Position, Url};

/// A setting that is never shown.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Secret(#[schemars(with = "String")] SecretText);

#[derive(Debug, Clone, Default)]
struct SecretText(SecretString);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

impl Secret {
    pub(crate) fn is_unset(&self) -> bool {
        self.0.0.expose_secret().is_empty()
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.0.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(SecretText(text.into()))
    }
}

/// What is shown instead of a secret.
impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_unset() { "" } else { "(hidden)" })
    }
}

/// The URL of a service, whose user and password are never shown.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct ServiceUrl(SecretText);

impl ServiceUrl {
    pub(crate) fn is_unset(&self) -> bool {
        self.secret().expose_secret().is_empty()
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.0.0
    }

    /// The part before `:`.
    pub(crate) fn scheme(&self) -> &str {
        let text = self.secret().expose_secret();
        text.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// Scheme, host, port and path; nothing if a part of the password might be among them.
    fn without_secrets(&self) -> Option<String> {
        let url = Url::parse(self.secret().expose_secret()).ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        // A password with a bare `/`, `?` or `#` ends the host too soon; its `@` comes after.
        if url[Position::AfterPort..].contains('@') {
            return None;
        }
        let user = if url[Position::BeforeUsername..Position::BeforeHost].is_empty() {
            ""
        } else {
            "(hidden)@"
        };
        let port = url.port().map(|port| format!(":{port}"));
        let (scheme, path) = (url.scheme(), url.path());
        // Not the query, which may hold a password of its own.
        Some(format!(
            "{scheme}://{user}{host}{}{path}",
            port.unwrap_or_default()
        ))
    }
}

impl From<String> for ServiceUrl {
    fn from(text: String) -> Self {
        Self(SecretText(text.into()))
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unset() {
            return Ok(());
        }
        f.write_str(self.without_secrets().as_deref().unwrap_or("(hidden)"))
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ServiceUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ServiceUrl {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "url".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let url = ServiceUrl::from(text.to_owned());
        assert_eq!(format!("{url:?}"), url.to_string());
        url.to_string()
    }

    #[test]
    fn host_and_database_are_shown_and_the_user_is_not() {
        for (text, want) in [
            (
                "postgres://ferry:hunter2@db.example:6432/crossing?sslmode=require",
                "postgres://(hidden)@db.example:6432/crossing",
            ),
            ("amqps://alice@rabbit/", "amqps://(hidden)@rabbit/"),
            ("amqp://[::1]:99/a%2Fb", "amqp://[::1]:99/a%2Fb"),
            ("", ""),
        ] {
            assert_eq!(shown(text), want);
        }
    }

    #[test]
    fn what_may_be_a_part_of_the_password_is_not_shown() {
        for text in [
            "postgres://ferry:12/34@db.example/crossing",
            "postgres://ferry:12?34@db.example/crossing",
            "postgres://ferry:12#34@db.example/crossing",
            "postgres://ferry:hunter/2@db.example/crossing",
            "postgres:hunter2",
            "postgres:///crossing?password=hunter2",
            "hunter2",
        ] {
            assert_eq!(shown(text), "(hidden)", "{text}");
        }
    }
}
