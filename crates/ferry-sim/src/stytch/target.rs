//! Which session a call is about.

use super::{Failure, jwt};
use crate::sessions::{Api, Record, State};
use crate::world::World;

/// The session with this token.
pub(super) fn by_token(world: &World, api: Api, token: &str) -> Result<u64, Failure> {
    world
        .session_number_of_token(api, token)
        .ok_or_else(Failure::session_not_found)
}

/// The session of this JWT, which may have expired.
pub(super) fn by_jwt(world: &World, api: Api, jwt: &str) -> Result<u64, Failure> {
    jwt::session_number(world, api, jwt).ok_or_else(|| {
        Failure::new(
            400,
            "unable_to_parse_session_jwt",
            "Unable to parse the session JWT.",
        )
    })
}

/// The session, if it is alive.
pub(super) fn alive(world: &World, number: u64) -> Result<Record, Failure> {
    world
        .sessions
        .get(number)
        .filter(|record| record.state(world.clock.now()) == State::Alive)
        .ok_or_else(Failure::session_not_found)
}

/// An empty string is no value.
pub(super) fn given(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}
