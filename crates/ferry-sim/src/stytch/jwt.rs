//! `session_jwt`.

use serde_json::{Value, json};

use super::view::factors;
use crate::audit::custom_claims;
use crate::clock::rfc3339;
use crate::sessions::{Api, Record};
use crate::world::World;

/// The JWT of a session, signed now. In fast mode everybody gets the first one that was signed.
pub(crate) fn session_jwt(world: &World, number: u64, record: &Record) -> String {
    if world.fast {
        return world.key.once(|| claims(world, number, record));
    }
    world.key.sign(&claims(world, number, record))
}

/// The number of the session that a JWT stands for, expired or not.
pub(crate) fn session_number(world: &World, api: Api, jwt: &str) -> Option<u64> {
    let claims = world.key.verify(jwt)?;
    world.session_number(api, claims.get(SESSION)?.get("id")?.as_str()?)
}

fn claims(world: &World, number: u64, record: &Record) -> Value {
    let api = record.owner.api;
    let project_id = &world.access.credentials().project_id;
    let now = world.clock.now().div_euclid(1000);
    let mut claims = custom_claims(record);
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("iss", json!(format!("stytch.com/{project_id}")));
    put("aud", json!([project_id]));
    put(
        "sub",
        json!(world.directory.id(record.realm(), record.owner.number)),
    );
    put("iat", json!(now));
    put("nbf", json!(now));
    put("exp", json!(now + LIFE_SECONDS));
    put(
        SESSION,
        json!({
            "id": world.session_id(api, number),
            "started_at": rfc3339(record.minted_at),
            "last_accessed_at": rfc3339(record.accessed_at),
            "expires_at": rfc3339(record.expires_at),
            "attributes": { "ip_address": "", "user_agent": "" },
            "authentication_factors": factors(record.minted_at),
            "roles": roles(api),
        }),
    );
    if api == Api::B2b {
        let organization = world.organizations.by_number(record.organization);
        put(
            ORGANIZATION,
            json!({ "organization_id": organization.organization_id, "slug": organization.slug }),
        );
    }
    Value::Object(claims)
}

/// The role that everybody has.
pub(crate) fn roles(api: Api) -> [&'static str; 1] {
    match api {
        Api::B2b => ["stytch_member"],
        Api::Consumer => ["stytch_user"],
    }
}

/// Stytch's JWTs live for five minutes, however long the session.
const LIFE_SECONDS: i64 = 300;

const SESSION: &str = "https://stytch.com/session";
const ORGANIZATION: &str = "https://stytch.com/organization";
