//! The cheapest call: whose credentials are these?

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use crate::reply;
use crate::world::World;

pub(super) async fn whoami(State(world): State<Arc<World>>) -> Response {
    let project_id = &world.access.credentials().project_id;
    reply::ok(json!({ "project_id": project_id, "name": "Ferry's simulator" }))
}
