//! The Consumer API: users.

mod sessions;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::jwks;
use crate::world::World;

pub(super) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sessions/migrate", post(sessions::migrate))
        .route("/v1/sessions/authenticate", post(sessions::authenticate))
        .route("/v1/sessions/revoke", post(sessions::revoke))
        .route("/v1/sessions/jwks/{project_id}", get(jwks::jwks))
        .route("/v1/users", post(users::create))
        .route("/v1/users/search", post(users::search))
        .route("/v1/users/{user_id}", get(users::get))
}
