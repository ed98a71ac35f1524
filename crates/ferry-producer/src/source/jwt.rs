//! What a JWT access token says of itself, read without a call.
//!
//! The signature is not checked: Stytch has the legacy provider vouch for the token. What is read
//! here only saves calls that would fail.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ferry_core::Timestamp;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use zeroize::Zeroizing;

use super::rules::Rules;

/// Reads JWTs into buffers that it keeps.
pub(super) struct JwtReader {
    payload: Zeroizing<Vec<u8>>,
    scopes_seen: Vec<bool>,
}

/// What a JWT says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Jwt<'a> {
    pub(super) expires_at: Option<Timestamp>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) email: Option<Cow<'a, str>>,
    /// It has audiences, and none that the UserInfo endpoint accepts.
    pub(super) wrong_audience: bool,
    /// It has scopes, but not all that are needed.
    pub(super) missing_scope: bool,
}

/// Some issuers pad, and some leave bits over.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl JwtReader {
    pub(super) fn new() -> Self {
        Self {
            payload: Zeroizing::default(),
            scopes_seen: Vec::new(),
        }
    }

    /// `None`: an opaque token (or an encrypted one), which says nothing.
    pub(super) fn read(&mut self, token: &str, rules: &Rules) -> Option<Jwt<'_>> {
        let encoded = payload_of(token)?;
        self.payload.clear();
        BASE64.decode_vec(encoded, &mut self.payload).ok()?;
        self.scopes_seen.clear();
        self.scopes_seen.resize(rules.required_scopes.len(), false);
        let claims = Claims {
            rules,
            scopes_seen: &mut self.scopes_seen,
        };
        let mut json = serde_json::Deserializer::from_slice(&self.payload);
        let jwt = claims.deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(jwt)
    }
}

/// The second of exactly three parts.
fn payload_of(token: &str) -> Option<&str> {
    let (header, rest) = token.split_once('.')?;
    let (payload, signature) = rest.split_once('.')?;
    let three_parts = !header.is_empty() && !payload.is_empty() && !signature.contains('.');
    three_parts.then_some(payload)
}

/// Judges audience and scopes while reading, so that no list is built.
struct Claims<'r> {
    rules: &'r Rules,
    scopes_seen: &'r mut [bool],
}

impl<'de> DeserializeSeed<'de> for Claims<'_> {
    type Value = Jwt<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Jwt<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Claims<'_> {
    type Value = Jwt<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of a JWT")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Jwt<'de>, A::Error> {
        let mut jwt = Jwt::default();
        while let Some(claim) = map.next_key::<Claim>()? {
            match claim {
                Claim::Expiry => jwt.expires_at = map.next_value::<Option<Moment>>()?.map(|m| m.0),
                Claim::Subject => jwt.subject = map.next_value::<Option<Text>>()?.map(|t| t.0),
                Claim::Email => jwt.email = map.next_value::<Option<Text>>()?.map(|t| t.0),
                Claim::Audience => {
                    let mut accepted = false;
                    let given = map.next_value_seed(EachText(&mut |audience: &str| {
                        accepted |= self.rules.accept_audience(audience);
                    }))?;
                    jwt.wrong_audience = given && !accepted;
                }
                Claim::Scope => {
                    let given = map.next_value_seed(EachText(&mut |scopes: &str| {
                        mark(&self.rules.required_scopes, self.scopes_seen, scopes);
                    }))?;
                    jwt.missing_scope = given && self.scopes_seen.contains(&false);
                }
                Claim::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(jwt)
    }
}

fn mark(required: &[String], seen: &mut [bool], scopes: &str) {
    for scope in scopes.split_ascii_whitespace() {
        for (required, seen) in required.iter().zip(&mut *seen) {
            *seen |= required == scope;
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier)]
enum Claim {
    #[serde(rename = "exp")]
    Expiry,
    #[serde(rename = "sub")]
    Subject,
    #[serde(rename = "email")]
    Email,
    #[serde(rename = "aud")]
    Audience,
    /// `scp` is how Okta and Microsoft write it.
    #[serde(rename = "scope", alias = "scp")]
    Scope,
    #[serde(other)]
    Other,
}

/// Text, borrowed from the payload if it has no escapes. (In an `Option`, serde would copy it.)
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A `NumericDate`: seconds since 1970, perhaps with a fraction.
struct Moment(Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let whole = number.as_i64().or_else(|| whole_seconds(number.as_f64()?));
        whole
            .map(|seconds| Self(Timestamp::from_seconds(seconds)))
            .ok_or_else(|| serde::de::Error::custom("not a NumericDate"))
    }
}

fn whole_seconds(seconds: f64) -> Option<i64> {
    format!("{:.0}", seconds.floor()).parse().ok()
}

/// Hands each text of a string or of an array of strings on; the value tells whether there was
/// one to judge.
struct EachText<'f>(&'f mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for EachText<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EachText<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        (self.0)(text);
        Ok(true)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<bool, A::Error> {
        while texts.next_element_seed(EachText(self.0))?.is_some() {}
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!(
            "eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl",
            BASE64.encode(payload)
        )
    }

    fn read(payload: &str, rules: &Rules) -> Option<String> {
        JwtReader::new()
            .read(&token(payload), rules)
            .map(|jwt| format!("{jwt:?}"))
    }

    fn wrong_audience(payload: &str, rules: &Rules) -> bool {
        JwtReader::new()
            .read(&token(payload), rules)
            .expect("a JWT")
            .wrong_audience
    }

    fn missing_scope(payload: &str) -> bool {
        JwtReader::new()
            .read(&token(payload), &Rules::default())
            .expect("a JWT")
            .missing_scope
    }

    #[test]
    fn a_jwt_tells_its_expiry_subject_and_email() {
        let payload = r#"{"sub":"auth0|al\u00efce","email":"alice@acme.example","exp":1767225600.9,"x":{"y":[1]}}"#;
        let mut reader = JwtReader::new();
        let token = token(payload);
        let jwt = reader.read(&token, &Rules::default()).expect("a JWT");
        assert_eq!(jwt.expires_at, Some(Timestamp::from_seconds(1_767_225_600)));
        assert_eq!(jwt.subject.as_deref(), Some("auth0|alïce"));
        assert_eq!(jwt.email.as_deref(), Some("alice@acme.example"));
        assert!(!jwt.wrong_audience && !jwt.missing_scope);
    }

    #[test]
    fn by_default_the_userinfo_audience_is_needed() {
        let rules = Rules::default();
        let both = r#"{"aud":["https://api.acme.example","https://acme.eu.auth0.com/userinfo"]}"#;
        assert!(!wrong_audience(both, &rules));
        assert!(wrong_audience(
            r#"{"aud":"https://api.acme.example"}"#,
            &rules
        ));
        assert!(wrong_audience(r#"{"aud":[]}"#, &rules));
        assert!(!wrong_audience("{}", &rules), "no `aud`: not judged");
    }

    #[test]
    fn a_named_audience_is_compared_exactly() {
        let rules = Rules {
            audience: Some("account".to_owned()),
            ..Rules::default()
        };
        assert!(!wrong_audience(r#"{"aud":"account"}"#, &rules));
        assert!(wrong_audience(
            r#"{"aud":"https://acme.example/userinfo"}"#,
            &rules
        ));
    }

    #[test]
    fn scopes_are_read_from_text_and_from_arrays() {
        assert!(!missing_scope(r#"{"scope":"openid profile email"}"#));
        assert!(!missing_scope(r#"{"scp":["email","openid"]}"#));
        assert!(missing_scope(r#"{"scope":"openid emails"}"#));
        assert!(missing_scope(r#"{"scope":""}"#));
        assert!(
            !missing_scope(r#"{"scope":null}"#),
            "no scopes named: not judged"
        );
    }

    #[test]
    fn what_is_not_a_jwt_is_opaque() {
        let mut reader = JwtReader::new();
        let rules = Rules::default();
        for opaque in [
            "",
            "mZAYn5aLEqKUlZ",
            "a.b",
            "a.b.c",
            "..",
            "a.b.c.d.e",
            "v4.public.eyJzdWIiOiJhIn0.Zm9v",
            "eyJhbGciOiJSUzI1NiJ9.!!!!.c2ln",
        ] {
            assert_eq!(reader.read(opaque, &rules), None, "{opaque:?}");
        }
        for payload in ["[]", "7", "{", r#"{"exp":"soon"}"#, "{}x", r#"{"aud":5}"#] {
            assert_eq!(read(payload, &rules), None, "{payload:?}");
        }
    }
}
