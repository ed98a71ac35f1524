//! What one call to Stytch came to, told by meaning rather than by HTTP.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::Timestamp;

/// A session that Stytch minted, as its reply tells it.
#[derive(Clone)]
pub struct MintedSession {
    /// The organization it is in; `None` where the API has none (Consumer).
    pub organization: Option<MintedOrganization>,
    /// The member (B2B) or user (Consumer) it belongs to.
    pub member_id: String,
    /// The emails at Stytch, as the reply tells them: a member has one, a Consumer user may have
    /// several.
    pub emails: Vec<String>,
    /// The member's external id at Stytch, if it has one.
    pub external_id: Option<String>,
    /// The id under which it is listed and revoked.
    pub member_session_id: String,
    /// The token that the application hands to the user.
    pub session_token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// The organization of a minted session, by each of the names that a row may give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintedOrganization {
    /// Stytch's own id.
    pub id: String,
    /// The slug.
    pub slug: String,
    /// The operator's id, if set.
    pub external_id: Option<String>,
}

impl fmt::Debug for MintedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedSession")
            .field("member_id", &self.member_id)
            .field("member_session_id", &self.member_session_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What one call came to.
#[derive(Debug, Clone)]
pub enum CallOutcome {
    /// A readable success.
    Minted(Box<MintedSession>),
    /// A reply with an error status.
    Refused(Refusal),
    /// Nothing reached Stytch: no connection, or no time left to send.
    NotSent(NotSent),
    /// The request was sent; whether it took effect is not known.
    Unanswered(Unanswered),
}

/// A reply with an error status (400 and up).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Stytch's `error_type`, if the body was its envelope.
    pub error_type: Option<ErrorType>,
    /// Stytch's `request_id`; its support asks for it.
    pub request_id: Option<String>,
    /// `Retry-After`, measured from the reply's own `Date`; garbage is `None`.
    pub retry_after: Option<Duration>,
}

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NotSent {
    /// No connection could be made.
    Unreachable,
    /// What was left of the lease was too short for the call.
    LeaseTooShort,
}

/// Why a request that was sent has no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Unanswered {
    /// No reply within the call's timeout.
    TimedOut,
    /// The connection ended before the reply did.
    Cut,
    /// A success status with a body that is not the API's.
    Unreadable,
    /// The process that made the call is gone, or lost its lease.
    Abandoned,
}

/// An `error_type`, made safe to store, label and print: at most 80 of `a-z 0-9 _`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorType(String);

/// The longest name in the list of Stytch's browser SDK has 74 characters.
const LONGEST_ERROR_TYPE: usize = 80;

impl ErrorType {
    /// Takes over what Stytch sent: other characters become `_`, the rest is cut.
    pub fn sanitized(text: &str) -> Self {
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        };
        Self(text.chars().take(LONGEST_ERROR_TYPE).map(safe).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_error_type_is_cut_and_cleaned() {
        let hostile = format!("\x1b[31m<script>{}", "A".repeat(10_000));
        let name = ErrorType::sanitized(&hostile);
        assert_eq!(name.as_str().len(), LONGEST_ERROR_TYPE);
        assert!(name.as_str().starts_with("__31m_script_aaa"), "{name:?}");
    }

    #[test]
    fn a_minted_session_shows_no_token() {
        let minted = MintedSession {
            organization: None,
            member_id: "member-1".into(),
            emails: vec!["alice@example.com".into()],
            external_id: None,
            member_session_id: "session-1".into(),
            session_token: "canary-token".to_string().into(),
            expires_at: Timestamp::NEVER,
        };
        assert!(!format!("{minted:?}").contains("canary"));
    }
}
