//! The legacy provider: Auth0 in what matters to a migration.

mod ask;
mod bucket;
mod discovery;
mod provider;
mod token;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use ask::email_of;
pub(crate) use provider::Provider;

use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route(
            "/oidc/.well-known/openid-configuration",
            get(discovery::configuration),
        )
        .route("/oidc/jwks", get(discovery::keys))
        .route(
            "/oidc/userinfo",
            get(userinfo::userinfo).post(userinfo::userinfo),
        )
        .route("/oidc/oauth/token", post(token::token))
}
