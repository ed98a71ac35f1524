//! What UserInfo's reply says of the token.

use ferry_core::decide::Verdict;
use ferry_http::{BodyFault, body};
use reqwest::Response;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;
use serde_json::Value;

use crate::wait;

/// A reply of UserInfo, and a configuration, are below 10 KB; there is room for claims of one's own.
pub(crate) const LONGEST_REPLY_BYTES: usize = 256 * 1024;

/// What is looked at. Nothing else of the person is read.
#[derive(Deserialize)]
struct Person {
    email: Option<Value>,
}

/// Reads a reply.
///
/// A token is refused by 401, or by 403 with a challenge for a bearer token (RFC 6750, section 3).
/// Any other 403 is a firewall's, and no session shall die of that.
pub(crate) async fn read(response: Response) -> Verdict {
    let status = response.status().as_u16();
    match status {
        200 => match body(response, LONGEST_REPLY_BYTES).await {
            Ok(body) => person(&body),
            Err(BodyFault::TimedOut | BodyFault::Cut) => Verdict::Down,
            Err(BodyFault::TooLarge) => Verdict::Unusable,
        },
        401 if challenges_a_bearer(response.headers()).unwrap_or(true) => Verdict::Refused(status),
        403 if challenges_a_bearer(response.headers()).unwrap_or(false) => Verdict::Refused(status),
        429 => Verdict::Busy {
            retry_after: wait::asked_for(response.headers()),
        },
        408 | 500.. => Verdict::Down,
        _ => Verdict::Unusable,
    }
}

fn person(body: &[u8]) -> Verdict {
    match serde_json::from_slice(body) {
        Ok(Person {
            email: Some(Value::String(email)),
        }) if email.contains('@') => Verdict::Email,
        Ok(_) => Verdict::NoEmail,
        Err(_) => Verdict::Unusable,
    }
}

/// Whether the reply asks for a (better) bearer token; `None` if it asks for nothing.
fn challenges_a_bearer(headers: &HeaderMap) -> Option<bool> {
    headers.contains_key(WWW_AUTHENTICATE).then(|| {
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
        challenges
            .filter_map(|challenge| challenge.to_str().ok())
            .any(|challenge| challenge.to_ascii_lowercase().contains("bearer"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_an_email() {
        for (body, verdict) in [
            (r#"{"sub":"1","email":"alice@example.com"}"#, Verdict::Email),
            (r#"{"sub":"1"}"#, Verdict::NoEmail),
            (r#"{"email":null}"#, Verdict::NoEmail),
            (r#"{"email":""}"#, Verdict::NoEmail),
            (r#"{"email":["alice@example.com"]}"#, Verdict::NoEmail),
            ("<html>", Verdict::Unusable),
            ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", Verdict::Unusable),
            ("[]", Verdict::Unusable),
            ("", Verdict::Unusable),
        ] {
            assert_eq!(person(body.as_bytes()), verdict, "{body}");
        }
    }
}
