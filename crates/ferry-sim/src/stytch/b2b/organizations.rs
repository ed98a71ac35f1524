//! `/v1/b2b/organizations`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::reply;
use crate::stytch::Failure;
use crate::world::World;

#[derive(Serialize)]
struct Found<'a> {
    organization: &'a RawValue,
}

pub(super) async fn get(
    State(world): State<Arc<World>>,
    Path(reference): Path<String>,
) -> Result<Response, Failure> {
    let number = world.organizations.by_reference(&reference)?.number;
    Ok(reply::ok(Found {
        organization: world.organizations.view(number),
    }))
}
