//! The key set: for everybody, with or without credentials, and whatever the request's body.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Failure;
use crate::reply;
use crate::world::World;

pub(super) async fn jwks(
    State(world): State<Arc<World>>,
    Path(project_id): Path<String>,
) -> Response {
    if project_id != world.access.credentials().project_id {
        return Failure::new(404, "project_not_found", "Project could not be found.")
            .into_response();
    }
    reply::ok(json!({ "keys": [world.key.jwk()] }))
}
