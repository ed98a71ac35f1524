//! The session's id and end, from the `session_jwt` of a reply.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The claim of a session JWT that describes the session (B2B and Consumer alike; its id is `id`).
/// Source: Stytch's Go SDK, `consumer/sessions/types.go`.
#[derive(Deserialize)]
pub(crate) struct SessionClaim {
    pub(crate) id: String,
    pub(crate) expires_at: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "https://stytch.com/session")]
    session: SessionClaim,
}

/// Reads the claim. The signature is not checked: the JWT is part of a reply that came from Stytch
/// over TLS, and is believed as much as the rest of it.
pub(crate) fn session_claim(jwt: &str) -> Option<SessionClaim> {
    let payload = jwt.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(claims.session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_claim_is_read() {
        let claims = r#"{"aud":["project-test-1"],"https://stytch.com/session":{"id":"session-test-1","started_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-01T01:00:00Z"}}"#;
        let jwt = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let claim = session_claim(&jwt).unwrap();
        assert_eq!(claim.id, "session-test-1");
        assert_eq!(claim.expires_at, "2026-01-01T01:00:00Z");
    }

    #[test]
    fn what_is_no_session_jwt_has_no_claim() {
        for jwt in ["", "eyJ", "a.b.c", "e30.e30.c2ln", "e30.!.c2ln"] {
            assert!(session_claim(jwt).is_none(), "{jwt}");
        }
    }
}
