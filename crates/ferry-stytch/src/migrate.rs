//! Migrating a session: a legacy access token in, a Stytch session out.

use bytes::Bytes;
use ferry_core::id::AttemptId;
use ferry_core::outcome::{CallOutcome, MintedSession};
use ferry_http::SecretBuffer;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::client::{Api, Client, LONGEST_REPLY_BYTES};
use crate::failure::{Failure, refused_here};
use crate::minted;

/// The custom claim that carries the attempt's id, by which a session that nobody recorded is
/// found again.
pub const ATTEMPT_CLAIM: &str = "ferry_attempt";

/// What one migrate call is made from.
#[derive(Debug, Clone, Copy)]
pub struct MigrateRequest<'a> {
    /// The legacy access token: Stytch shows it to the project's UserInfo endpoint.
    pub access_token: &'a SecretString,
    /// The organization's id, slug or external id. Not sent to the Consumer API.
    pub organization: &'a str,
    /// How long the session shall live. Always sent: without it Stytch grants an hour (B2B) or no
    /// session (Consumer), and drops the custom claims.
    pub minutes: u32,
    /// Goes along as [`ATTEMPT_CLAIM`].
    pub attempt: AttemptId,
    /// More custom claims: the text of a JSON object. A claim named [`ATTEMPT_CLAIM`] gives way.
    pub custom_claims: Option<&'a str>,
}

/// Room for the fields around the token, so that the buffer seldom grows.
const FIELDS_BYTES: usize = 512;

impl Client {
    /// Makes one call, and tells what it came to. Nothing is retried.
    ///
    /// Dropping the future leaves the outcome unknown, if the call has begun.
    ///
    /// Custom claims that are not a JSON object are refused without a call, as Stytch would
    /// (`unable_to_represent_custom_claims_json`).
    pub async fn migrate(&self, request: &MigrateRequest<'_>) -> CallOutcome {
        match self.mint(request).await {
            Ok(minted) => CallOutcome::Minted(Box::new(minted)),
            Err(failure) => {
                if let Failure::NotSent { cause } = &failure {
                    // The outcome has no room for it.
                    tracing::debug!(attempt = %request.attempt, cause, "no connection to Stytch");
                }
                failure.into()
            }
        }
    }

    async fn mint(&self, request: &MigrateRequest<'_>) -> Result<MintedSession, Failure> {
        // The buffer is wiped when the HTTP stack drops its last handle on it. What cannot be
        // wiped: hyper's write buffer, into which short bodies are copied, rustls' plaintext
        // before it is encrypted, and the kernel's.
        let body = Bytes::from_owner(body(self.api(), request)?);
        let request = self
            .migrate_request()
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        let reply = self.send(request, LONGEST_REPLY_BYTES).await?;
        minted::read(self.api(), &reply)
    }
}

/// The form on the wire: the one place where a secret is serialized, into a buffer that is wiped.
#[derive(Serialize)]
struct Wire<'a> {
    session_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
    session_duration_minutes: u32,
    session_custom_claims: Map<String, Value>,
}

fn body(api: Api, request: &MigrateRequest<'_>) -> Result<SecretBuffer, Failure> {
    let session_token = request.access_token.expose_secret();
    let session_custom_claims = claims(request)?;
    let claims_bytes = request.custom_claims.map_or(0, str::len);
    let mut body = SecretBuffer::with_capacity(session_token.len() + claims_bytes + FIELDS_BYTES);
    let wire = Wire {
        session_token,
        organization_id: (api == Api::B2b).then_some(request.organization),
        session_duration_minutes: request.minutes,
        session_custom_claims,
    };
    serde_json::to_writer(&mut body, &wire).expect("strings and a number, written to memory");
    Ok(body)
}

fn claims(request: &MigrateRequest<'_>) -> Result<Map<String, Value>, Failure> {
    let mut claims: Map<String, Value> = request
        .custom_claims
        .map_or_else(|| Ok(Map::new()), serde_json::from_str)
        .map_err(|_| refused_here(400, "unable_to_represent_custom_claims_json"))?;
    claims.insert(ATTEMPT_CLAIM.to_owned(), request.attempt.to_string().into());
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(api: Api, custom_claims: Option<&str>) -> Result<Value, Failure> {
        let request = MigrateRequest {
            access_token: &"legacy \"token\"".to_owned().into(),
            organization: "acme",
            minutes: 60,
            attempt: AttemptId([0xab; 16]),
            custom_claims,
        };
        body(api, &request).map(|body| serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn the_b2b_body_has_exactly_the_apis_fields() {
        assert_eq!(
            sent(Api::B2b, None).unwrap(),
            json!({
                "session_token": "legacy \"token\"",
                "organization_id": "acme",
                "session_duration_minutes": 60,
                "session_custom_claims": {"ferry_attempt": "ab".repeat(16)},
            })
        );
    }

    #[test]
    fn the_consumer_body_has_no_organization() {
        let body = sent(Api::Consumer, None).unwrap();
        assert_eq!(body.get("organization_id"), None);
        assert_eq!(body["session_duration_minutes"], 60);
    }

    #[test]
    fn given_claims_go_along_and_the_attempts_own_wins() {
        let given = r#"{"tenant":{"plan":"pro"},"gone":null,"ferry_attempt":"forged"}"#;
        assert_eq!(
            sent(Api::B2b, Some(given)).unwrap()["session_custom_claims"],
            json!({"tenant": {"plan": "pro"}, "gone": null, "ferry_attempt": "ab".repeat(16)})
        );
    }

    #[test]
    fn claims_that_are_no_object_are_refused_without_a_call() {
        for claims in ["", "[]", "7", "{", "null"] {
            let refused = sent(Api::B2b, Some(claims)).unwrap_err();
            assert_eq!(
                refused,
                refused_here(400, "unable_to_represent_custom_claims_json"),
                "{claims:?}"
            );
        }
    }
}
