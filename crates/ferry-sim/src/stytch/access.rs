//! Credentials.

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::options::Credentials;

/// Who may call Stytch.
pub(crate) struct Access {
    credentials: Credentials,
    authorization: String,
}

impl Access {
    pub(crate) fn new(credentials: Credentials) -> Self {
        let pair = format!("{}:{}", credentials.project_id, credentials.secret);
        Self {
            authorization: format!("Basic {}", STANDARD.encode(pair)),
            credentials,
        }
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Whether this header holds the credentials. The scheme's case is free.
    pub(crate) fn admits(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(given) = authorization.map(HeaderValue::as_bytes) else {
            return false;
        };
        let expected = self.authorization.as_bytes();
        let (Some(scheme), Some(pair)) = (given.get(..6), given.get(6..)) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(&expected[..6]) && pair == &expected[6..]
    }
}
