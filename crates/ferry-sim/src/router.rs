//! All routes.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::world::World;
use crate::{admin, gate, oidc, stytch};

pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .merge(stytch::routes())
        .merge(oidc::routes())
        .merge(admin::routes())
        .fallback(stytch::route_not_found)
        .method_not_allowed_fallback(stytch::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&world), gate::gate))
        .with_state(world)
}
