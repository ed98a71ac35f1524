//! One minted session, as the audit shows it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::rfc3339;
use crate::sessions::{Api, Record, State};
use crate::world::World;

/// A session that the simulator minted, without its tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MintedSession {
    /// `member_session_id` of B2B, `session_id` of Consumer.
    pub session_id: String,
    /// Which API minted it.
    pub api: Api,
    /// Stytch's id of the organization; `None` for Consumer.
    pub organization_id: Option<String>,
    /// `member_id` of B2B, `user_id` of Consumer.
    pub member_id: String,
    /// The member's external id, which for people of the population is the legacy subject.
    pub external_id: Option<String>,
    /// SHA-256 of the legacy access token it was minted from, in hexadecimal.
    pub legacy_token_sha256: String,
    /// The legacy session's id, if the token was one of the population's.
    pub legacy_session_id: Option<String>,
    /// The custom claims that were kept.
    pub custom_claims: Map<String, Value>,
    /// Alive, revoked or expired.
    pub state: State,
    /// RFC 3339.
    pub minted_at: String,
    /// RFC 3339.
    pub expires_at: String,
}

impl MintedSession {
    pub(crate) fn of(world: &World, number: u64, record: &Record) -> Self {
        let owner = record.owner;
        let realm = record.realm();
        let member = world.directory.by_number(realm, owner.number);
        let organization = (owner.api == Api::B2b).then(|| {
            world
                .organizations
                .by_number(record.organization)
                .organization_id
                .clone()
        });
        Self {
            session_id: world.session_id(owner.api, number),
            api: owner.api,
            organization_id: organization,
            member_id: world.directory.id(realm, owner.number),
            external_id: member.and_then(|member| member.external_id),
            legacy_token_sha256: hex::encode(record.legacy_token_sha256),
            legacy_session_id: record
                .legacy_session
                .map(|session| world.population.session(session).session_id),
            custom_claims: custom_claims(record),
            state: record.state(world.clock.now()),
            minted_at: rfc3339(record.minted_at),
            expires_at: rfc3339(record.expires_at),
        }
    }
}

/// The claims of a session, as an object.
pub(crate) fn custom_claims(record: &Record) -> Map<String, Value> {
    record.claims.as_deref().map_or_else(Map::new, |claims| {
        serde_json::from_str(claims).expect("claims are kept as the text of an object")
    })
}
