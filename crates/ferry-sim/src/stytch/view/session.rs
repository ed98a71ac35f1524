//! Sessions.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::{Millis, rfc3339};
use crate::sessions::{Api, Record};
use crate::stytch::jwt::roles;
use crate::world::World;

/// The factor of a migrated session: the only imported one that Stytch documents.
#[derive(Debug, Serialize)]
pub(crate) struct Factor {
    r#type: &'static str,
    delivery_method: &'static str,
    last_authenticated_at: String,
    created_at: String,
    updated_at: String,
}

pub(crate) fn factors(minted_at: Millis) -> [Factor; 1] {
    let at = rfc3339(minted_at);
    [Factor {
        r#type: "imported",
        delivery_method: "imported_auth0",
        last_authenticated_at: at.clone(),
        created_at: at.clone(),
        updated_at: at,
    }]
}

/// `member_session` of B2B.
#[derive(Debug, Serialize)]
pub(crate) struct MemberSessionView<'a> {
    member_session_id: String,
    member_id: String,
    organization_id: &'a str,
    organization_slug: &'a str,
    #[serde(flatten)]
    common: Common<'a>,
}

/// `session` of Consumer.
#[derive(Debug, Serialize)]
pub(crate) struct UserSessionView<'a> {
    session_id: String,
    user_id: String,
    #[serde(flatten)]
    common: Common<'a>,
}

#[derive(Debug, Serialize)]
struct Common<'a> {
    started_at: String,
    last_accessed_at: String,
    expires_at: String,
    authentication_factors: [Factor; 1],
    roles: [&'static str; 1],
    custom_claims: &'a RawValue,
}

impl<'a> MemberSessionView<'a> {
    pub(crate) fn new(world: &'a World, number: u64, record: &'a Record) -> Self {
        let organization = world.organizations.by_number(record.organization);
        Self {
            member_session_id: world.session_id(Api::B2b, number),
            member_id: world.directory.id(record.realm(), record.owner.number),
            organization_id: &organization.organization_id,
            organization_slug: &organization.slug,
            common: Common::new(record),
        }
    }
}

impl<'a> UserSessionView<'a> {
    pub(crate) fn new(world: &'a World, number: u64, record: &'a Record) -> Self {
        Self {
            session_id: world.session_id(Api::Consumer, number),
            user_id: world.directory.id(record.realm(), record.owner.number),
            common: Common::new(record),
        }
    }
}

impl<'a> Common<'a> {
    fn new(record: &'a Record) -> Self {
        let claims = record.claims.as_deref().unwrap_or("{}");
        Self {
            started_at: rfc3339(record.minted_at),
            last_accessed_at: rfc3339(record.accessed_at),
            expires_at: rfc3339(record.expires_at),
            authentication_factors: factors(record.minted_at),
            roles: roles(record.owner.api),
            custom_claims: serde_json::from_str(claims)
                .expect("claims are kept as the text of an object"),
        }
    }
}
