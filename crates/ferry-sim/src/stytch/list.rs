//! The sessions of a member that are alive.

use crate::sessions::{Owner, Record, State};
use crate::world::World;

/// Oldest first. A session younger than the list's lag is not among them.
pub(super) fn alive(world: &World, owner: Owner) -> Vec<(u64, Record)> {
    let (now, wall) = (world.clock.now(), world.clock.wall());
    let mut sessions = world.sessions.of_owner(owner);
    sessions.retain(|(_, record)| record.state(now) == State::Alive && record.listed_from <= wall);
    sessions
}
