//! Authenticate session: is it alive, and may it live longer?

use serde::Deserialize;
use serde_json::{Map, Value};

use super::target::{alive, by_jwt, by_token, given};
use super::{Failure, claims, duration};
use crate::audit::custom_claims;
use crate::sessions::{Api, Record};
use crate::world::World;

/// Exactly one of token and JWT; a duration extends the session, from now.
#[derive(Deserialize)]
pub(super) struct Request {
    #[serde(rename = "session_token")]
    token: Option<String>,
    #[serde(rename = "session_jwt")]
    jwt: Option<String>,
    #[serde(rename = "session_duration_minutes")]
    duration_minutes: Option<i64>,
    #[serde(rename = "session_custom_claims")]
    custom_claims: Option<Map<String, Value>>,
}

/// The session after the call, with its number.
pub(super) fn authenticate(
    world: &World,
    api: Api,
    request: Request,
) -> Result<(u64, Record), Failure> {
    let number = target(world, api, &request)?;
    let record = alive(world, number)?;
    let life = request
        .duration_minutes
        .map(|minutes| duration::check(minutes, world.session_cap_minutes))
        .transpose()?;
    let reserved = world.faults().reserved_claims;
    let kept = request
        .custom_claims
        .map(|given| claims::apply(custom_claims(&record), given, reserved))
        .transpose()?;
    let now = world.clock.now();
    let changed = world.sessions.change(number, |record| {
        record.accessed_at = now;
        if let Some(life) = life {
            record.expires_at = now + life;
        }
        if let Some(kept) = &kept {
            record.claims = Some(claims::text(kept).into());
        }
    });
    changed
        .map(|record| (number, record))
        .ok_or_else(Failure::session_not_found)
}

fn target(world: &World, api: Api, request: &Request) -> Result<u64, Failure> {
    let token = given(request.token.as_deref());
    let jwt = given(request.jwt.as_deref());
    match (token, jwt) {
        (Some(token), None) => by_token(world, api, token),
        (None, Some(jwt)) => by_jwt(world, api, jwt),
        (None, None) => Err(Failure::new(
            400,
            "no_session_arguments",
            "One of session_token and session_jwt is required.",
        )),
        (Some(_), Some(_)) => Err(Failure::new(
            400,
            "too_many_session_arguments",
            "Only one of session_token and session_jwt may be given.",
        )),
    }
}
