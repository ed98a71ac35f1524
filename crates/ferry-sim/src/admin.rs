//! The simulator's own pages, under `/sim`: what goes wrong, what happened, who is who. Open to
//! whoever reaches loopback, and without tokens.

mod audit;
mod change;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, put};

use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/sim/faults", get(change::faults).put(change::set_faults))
        .route("/sim/people/{subject}", put(change::person))
        .route(
            "/sim/legacy-sessions/{session_id}",
            put(change::legacy_session),
        )
        .route("/sim/clock", get(change::clock).put(change::advance))
        .route("/sim/audit", get(audit::audit))
        .route("/sim/sessions", get(audit::sessions))
        .route("/sim/calls", get(audit::calls))
}
