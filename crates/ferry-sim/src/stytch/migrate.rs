//! Migrate session, for both APIs.

mod after;
mod before;
mod mint;

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Failure;
use super::body::parse;
use crate::faults::{Fault, Faults};
use crate::gate::wait;
use crate::sessions::Api;
use crate::world::World;

/// What migrate is asked. Unknown fields are ignored, as Stytch ignores them.
#[derive(Deserialize)]
pub(super) struct Request {
    /// The legacy access token.
    session_token: Option<String>,
    organization_id: Option<String>,
    session_duration_minutes: Option<i64>,
    session_custom_claims: Option<Map<String, Value>>,
}

/// Answers one call, with the faults that befall it.
pub(super) async fn migrate(world: Arc<World>, api: Api, call: u64, body: Bytes) -> Response {
    let faults = world.faults();
    if let Some(response) = before::befall(&world, &faults, call) {
        return response;
    }
    match carry_out(&world, &faults, api, call, body).await {
        Ok(minted) => after::befall(&faults, call, minted),
        Err(failure) => failure.into_response(),
    }
}

/// Asks UserInfo and mints. Like a real server, it goes on when the caller does not wait for it;
/// in fast mode nothing is waited for, unless minting is to be slow.
async fn carry_out(
    world: &Arc<World>,
    faults: &Arc<Faults>,
    api: Api,
    call: u64,
    body: Bytes,
) -> Result<Bytes, Failure> {
    let slow = faults.befalls(faults.slow_minting, Fault::SlowMinting, call);
    let request: Request = parse(&body)?;
    if world.fast && !slow {
        return mint::mint(world, faults, api, request).await;
    }
    let (world, faults) = (Arc::clone(world), Arc::clone(faults));
    let late = if slow { faults.slow_minting_ms } else { 0 };
    let minted = tokio::spawn(async move {
        wait(late).await;
        mint::mint(&world, &faults, api, request).await
    });
    minted
        .await
        .unwrap_or_else(|_| Err(Failure::internal_server_error()))
}
