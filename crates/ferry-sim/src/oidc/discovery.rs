//! The provider's description of itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::reply;
use crate::world::World;

pub(super) async fn configuration(State(world): State<Arc<World>>) -> Response {
    let issuer = &world.issuer;
    reply::plain(
        StatusCode::OK,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/oauth/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/jwks"),
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "response_types_supported": ["code"],
            "grant_types_supported": ["refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
            "claims_supported": ["sub", "name", "nickname", "email", "email_verified", "updated_at"],
        }),
    )
}

/// The keys. No legacy token verifies with them: their signatures are made for length, not for
/// proof.
pub(super) async fn keys(State(world): State<Arc<World>>) -> Response {
    reply::plain(StatusCode::OK, &json!({ "keys": [world.key.jwk()] }))
}
