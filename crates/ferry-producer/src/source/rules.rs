//! What a row must fulfil, beyond being readable.

use std::time::Duration;

/// What a row must fulfil, beyond being readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The session's stable id is its access token. Off: a session id column is needed. On only by
    /// the operator's loud word: tokens are replaced at each refresh, and the mapping made from the
    /// old one is then never found again.
    pub key_from_token: bool,
    /// A JWT access token must list this audience. `None`: one that ends in `/userinfo`, as
    /// Auth0's do. A JWT without `aud` is not judged.
    pub audience: Option<String>,
    /// A JWT access token that names its scopes (`scope` or `scp`) must have all of these. One that
    /// names none is not judged.
    pub required_scopes: Vec<String>,
    /// The Consumer API, which has no organizations: the organization column is not read.
    pub consumer: bool,
    /// What a session without an end in its row is granted. `None`: such a row is rejected.
    pub default_lifetime: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            key_from_token: false,
            audience: None,
            required_scopes: vec!["openid".to_owned(), "email".to_owned()],
            consumer: false,
            default_lifetime: None,
        }
    }
}

impl Rules {
    /// Whether a JWT with this among its audiences is accepted by the UserInfo endpoint.
    pub(super) fn accept_audience(&self, audience: &str) -> bool {
        match &self.audience {
            Some(wanted) => audience == wanted,
            None => audience.ends_with("/userinfo"),
        }
    }
}
