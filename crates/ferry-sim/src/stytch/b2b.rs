//! The B2B API: organizations and members.

mod members;
mod organizations;
mod search;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::jwks;
use crate::world::World;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/v1/b2b/sessions", get(sessions::list))
        .route("/v1/b2b/sessions/migrate", post(sessions::migrate))
        .route(
            "/v1/b2b/sessions/authenticate",
            post(sessions::authenticate),
        )
        .route("/v1/b2b/sessions/revoke", post(sessions::revoke))
        .route("/v1/b2b/sessions/jwks/{project_id}", get(jwks::jwks))
        .route(
            "/v1/b2b/organizations/{organization_id}",
            get(organizations::get),
        )
        .route(
            "/v1/b2b/organizations/{organization_id}/members",
            post(members::create),
        )
        .route(
            "/v1/b2b/organizations/{organization_id}/member",
            get(members::get),
        )
        .route("/v1/b2b/organizations/members/search", post(search::search))
}
