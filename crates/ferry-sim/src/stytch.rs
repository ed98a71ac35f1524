//! Stytch's API.

mod access;
mod authenticate;
mod b2b;
mod body;
mod claims;
mod consumer;
mod duration;
mod failure;
mod jwks;
mod jwt;
mod limits;
mod list;
mod migrate;
mod organizations;
mod person;
mod revoke;
mod search;
mod target;
mod view;
mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

pub(crate) use access::Access;
pub(crate) use failure::{Failure, request_id};
pub(crate) use limits::{FixedWindow, Limits};
pub(crate) use organizations::Organizations;

use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .merge(b2b::routes())
        .merge(consumer::routes())
        .route("/v1/debug/whoami", get(whoami::whoami))
}

pub(crate) async fn route_not_found() -> Failure {
    Failure::route_not_found()
}

pub(crate) async fn method_not_allowed() -> Failure {
    Failure::method_not_allowed()
}
