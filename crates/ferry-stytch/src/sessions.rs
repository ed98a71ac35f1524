//! Listing and revoking sessions.

use ferry_core::Timestamp;
use ferry_core::id::AttemptId;
use ferry_core::outcome::Unanswered;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::{Api, Client, LONGEST_REPLY_BYTES};
use crate::failure::Failure;
use crate::migrate::ATTEMPT_CLAIM;
use crate::reply::parse;

/// A live session, as Stytch lists it (never with its token).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The id under which it is revoked.
    pub member_session_id: String,
    /// The attempt that minted it; `None` if it is not Ferry's.
    pub attempt: Option<AttemptId>,
    /// When it ends; [`Timestamp::NEVER`] if Stytch does not say (optional for Consumer).
    pub expires_at: Timestamp,
}

/// The list is not paged, and a listed session takes some 1.5 KB: this is room for 10,000 sessions
/// of one member, so that a robot's account does not stop the audit.
const LONGEST_LIST_BYTES: usize = 16 * LONGEST_REPLY_BYTES;

#[derive(Deserialize)]
struct MemberSessions {
    member_sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct UserSessions {
    sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    #[serde(rename = "session_id", alias = "member_session_id")]
    id: String,
    expires_at: Option<String>,
    custom_claims: Option<Map<String, Value>>,
}

impl Client {
    /// Lists the live sessions of a member (Consumer: of a user; `organization` is not sent).
    ///
    /// Source: Stytch's API reference, "Get sessions".
    pub async fn list_sessions(
        &self,
        organization: &str,
        member_id: &str,
    ) -> Result<Vec<ListedSession>, Failure> {
        let request = match self.api() {
            Api::B2b => self
                .get("/v1/b2b/sessions")
                .query(&[("organization_id", organization), ("member_id", member_id)]),
            Api::Consumer => self.get("/v1/sessions").query(&[("user_id", member_id)]),
        };
        let body = self.send(request, LONGEST_LIST_BYTES).await?;
        let sessions = match self.api() {
            Api::B2b => parse::<MemberSessions>(&body)?.member_sessions,
            Api::Consumer => parse::<UserSessions>(&body)?.sessions,
        };
        sessions.into_iter().map(listed).collect()
    }

    /// Ends a session. One that Stytch does not know (any more) is ended: `Ok`.
    ///
    /// Source: Stytch's API reference, "Revoke session".
    pub async fn revoke(&self, member_session_id: &str) -> Result<(), Failure> {
        let request = match self.api() {
            Api::B2b => self
                .post("/v1/b2b/sessions/revoke")
                .json(&json!({"member_session_id": member_session_id})),
            Api::Consumer => self
                .post("/v1/sessions/revoke")
                .json(&json!({"session_id": member_session_id})),
        };
        match self.send(request, LONGEST_REPLY_BYTES).await {
            Ok(_) => Ok(()),
            Err(failure) if is_session_not_found(&failure) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

fn listed(session: Session) -> Result<ListedSession, Failure> {
    let expires_at = session
        .expires_at
        .map_or(Ok(Timestamp::NEVER), |text| Timestamp::parse(&text))
        .map_err(|_| Failure::Unanswered(Unanswered::Unreadable))?;
    Ok(ListedSession {
        member_session_id: session.id,
        attempt: session.custom_claims.as_ref().and_then(attempt),
        expires_at,
    })
}

/// A claim of that name which is not one of Ferry's ids is somebody else's.
fn attempt(claims: &Map<String, Value>) -> Option<AttemptId> {
    claims
        .get(ATTEMPT_CLAIM)?
        .as_str()
        .and_then(AttemptId::parse)
}

fn is_session_not_found(failure: &Failure) -> bool {
    let Failure::Refused(refusal) = failure else {
        return false;
    };
    let error_type = refusal.error_type.as_ref();
    error_type.is_some_and(|name| name.as_str() == "session_not_found")
}
