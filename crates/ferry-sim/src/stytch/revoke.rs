//! Revoke session: one, or all of a member.

use serde::Deserialize;

use super::Failure;
use super::target::{by_jwt, by_token, given};
use crate::sessions::{Api, Owner};
use crate::world::World;

/// Exactly one of these. The Consumer API knows no member.
#[derive(Deserialize)]
pub(super) struct Request {
    /// The B2B name of the session's id.
    member_session_id: Option<String>,
    /// The Consumer name of it.
    session_id: Option<String>,
    session_token: Option<String>,
    session_jwt: Option<String>,
    member_id: Option<String>,
}

/// Revokes. A session that is already over is revoked without complaint; one that never was is
/// `session_not_found`.
pub(super) fn revoke(world: &World, api: Api, request: &Request) -> Result<(), Failure> {
    let (id, member) = match api {
        Api::B2b => (
            request.member_session_id.as_deref(),
            request.member_id.as_deref(),
        ),
        Api::Consumer => (request.session_id.as_deref(), None),
    };
    let token = request.session_token.as_deref();
    let jwt = request.session_jwt.as_deref();
    let number = match (given(id), given(token), given(jwt), given(member)) {
        (Some(id), None, None, None) => world
            .session_number(api, id)
            .ok_or_else(Failure::session_not_found)?,
        (None, Some(token), None, None) => by_token(world, api, token)?,
        (None, None, Some(jwt), None) => by_jwt(world, api, jwt)?,
        (None, None, None, Some(member)) => return revoke_all(world, member),
        (None, None, None, None) => {
            return Err(Failure::new(
                400,
                "no_session_revoke_arguments",
                "One of the session's id, session_token, session_jwt and member_id is required.",
            ));
        }
        _ => {
            return Err(Failure::new(
                400,
                "too_many_session_revoke_arguments",
                "Only one of the session's id, session_token, session_jwt and member_id may be given.",
            ));
        }
    };
    if world.sessions.get(number).is_none() {
        return Err(Failure::session_not_found());
    }
    world.sessions.revoke(number, world.clock.now());
    Ok(())
}

fn revoke_all(world: &World, member: &str) -> Result<(), Failure> {
    let number = world
        .directory
        .number_of_member(member)
        .ok_or_else(Failure::member_not_found)?;
    let now = world.clock.now();
    for (session, _) in world.sessions.of_owner(Owner {
        api: Api::B2b,
        number,
    }) {
        world.sessions.revoke(session, now);
    }
    Ok(())
}
