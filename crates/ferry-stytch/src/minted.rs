//! Reading the reply of a migrate call.

use ferry_core::Timestamp;
use ferry_core::outcome::{MintedOrganization, MintedSession, Unanswered};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::client::Api;
use crate::failure::Failure;
use crate::reply::parse;
use crate::session_jwt::session_claim;

/// Reads the body of a success. Only what Ferry keeps is read; a body without a member, a session
/// token, a session id, its end or (B2B) an organization is unreadable.
pub(crate) fn read(api: Api, body: &[u8]) -> Result<MintedSession, Failure> {
    let minted = match api {
        Api::B2b => parse::<MemberReply<'_>>(body)?.minted(),
        Api::Consumer => parse::<UserReply<'_>>(body)?.minted(),
    };
    minted.ok_or(Failure::Unanswered(Unanswered::Unreadable))
}

/// B2B. Source: Stytch's OpenAPI, `api_b2b_session_v1_MigrateResponse`; `member_session` is
/// optional there.
#[derive(Deserialize)]
struct MemberReply<'a> {
    member_id: String,
    #[serde(deserialize_with = "secret")]
    session_token: SecretString,
    #[serde(borrow)]
    session_jwt: Option<&'a RawValue>,
    member: Option<Member>,
    organization: Organization,
    member_session: Option<Session>,
}

/// Consumer. Source: Stytch's OpenAPI, `api_session_v1_MigrateResponse`; `session` is optional
/// there.
#[derive(Deserialize)]
struct UserReply<'a> {
    user_id: String,
    #[serde(deserialize_with = "secret")]
    session_token: SecretString,
    #[serde(borrow)]
    session_jwt: Option<&'a RawValue>,
    user: Option<User>,
    session: Option<Session>,
}

#[derive(Deserialize, Default)]
struct Member {
    email_address: Option<String>,
    external_id: Option<String>,
}

#[derive(Deserialize, Default)]
struct User {
    emails: Option<Vec<Email>>,
    external_id: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
}

#[derive(Deserialize)]
struct Organization {
    #[serde(rename = "organization_id")]
    id: String,
    #[serde(rename = "organization_slug")]
    slug: String,
    #[serde(rename = "organization_external_id")]
    external_id: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    #[serde(rename = "session_id", alias = "member_session_id")]
    id: Option<String>,
    expires_at: Option<String>,
}

impl MemberReply<'_> {
    fn minted(self) -> Option<MintedSession> {
        let member = self.member.unwrap_or_default();
        let organization = MintedOrganization {
            id: non_empty(self.organization.id)?,
            slug: self.organization.slug,
            external_id: self.organization.external_id.and_then(non_empty),
        };
        let (member_session_id, expires_at) = id_and_end(self.member_session, self.session_jwt)?;
        Some(MintedSession {
            organization: Some(organization),
            member_id: non_empty(self.member_id)?,
            emails: member
                .email_address
                .and_then(non_empty)
                .into_iter()
                .collect(),
            external_id: member.external_id.and_then(non_empty),
            member_session_id,
            session_token: self.session_token,
            expires_at,
        })
    }
}

impl UserReply<'_> {
    fn minted(self) -> Option<MintedSession> {
        let user = self.user.unwrap_or_default();
        let (member_session_id, expires_at) = id_and_end(self.session, self.session_jwt)?;
        Some(MintedSession {
            organization: None,
            member_id: non_empty(self.user_id)?,
            emails: user
                .emails
                .unwrap_or_default()
                .into_iter()
                .filter_map(|email| non_empty(email.email))
                .collect(),
            external_id: user.external_id.and_then(non_empty),
            member_session_id,
            session_token: self.session_token,
            expires_at,
        })
    }
}

/// From the session object, else from the JWT's claim.
fn id_and_end(session: Option<Session>, jwt: Option<&RawValue>) -> Option<(String, Timestamp)> {
    let whole = session.and_then(|session| session.id.zip(session.expires_at));
    let (id, expires_at) = whole.or_else(|| {
        let jwt: String = serde_json::from_str(jwt?.get()).ok()?;
        let claim = session_claim(&jwt)?;
        Some((claim.id, claim.expires_at))
    })?;
    Some((non_empty(id)?, Timestamp::parse(&expires_at).ok()?))
}

/// Stytch sends an empty string for many a field that is not set.
fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Wiped when dropped from the start, also if the rest of the body turns out unreadable.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(serde::de::Error::custom("no session token"));
    }
    Ok(text.into())
}

#[cfg(test)]
#[path = "minted_tests.rs"]
mod tests;
