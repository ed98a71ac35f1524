//! What every call passes: it is noted, let in or not, and its reply may be cut.

use std::borrow::Cow;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::audit::{Call, Endpoint};
use crate::faults::{Fault, Faults};
use crate::reply::{Cut, Outcome};
use crate::serve::Cutter;
use crate::stytch::Failure;
use crate::world::World;

/// How many calls of its endpoint came before this one: what its faults are drawn from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallNumber(pub(crate) u64);

pub(crate) async fn gate(
    State(world): State<Arc<World>>,
    mut request: Request,
    next: Next,
) -> Response {
    let endpoint = endpoint(&request);
    let call = world.calls.begin(endpoint, world.clock.wall());
    request.extensions_mut().insert(CallNumber(call.number));
    let cutter = request.extensions().get::<Cutter>().cloned();
    let is_admitted = world
        .access
        .admits(request.headers().get(header::AUTHORIZATION));
    let response = match enter(&world, &call, is_admitted).await {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    leave(call, in_envelope(endpoint, response), cutter).await
}

/// What the server itself refuses (a body too long, a query that cannot be decoded) is told in
/// Stytch's envelope like everything else.
fn in_envelope(endpoint: Endpoint, response: Response) -> Response {
    let is_plain = response.extensions().get::<Outcome>().is_none();
    if endpoint.is_stytch() && response.status().is_client_error() && is_plain {
        return Failure::bad_request("The request cannot be read.").into_response();
    }
    response
}

fn endpoint(request: &Request) -> Endpoint {
    request
        .extensions()
        .get::<MatchedPath>()
        .map_or(Endpoint::Unknown, |path| {
            Endpoint::of(request.method(), path.as_str())
        })
}

/// Latency, credentials, limits and plain failures, in this order.
async fn enter(world: &World, call: &Call, is_admitted: bool) -> Result<(), Failure> {
    if !call.endpoint.is_stytch() {
        return Ok(());
    }
    let faults = world.faults();
    wait(faults.latency_ms_of(call.number)).await;
    if !call.endpoint.is_public() && (faults.wrong_credentials || !is_admitted) {
        return Err(Failure::unauthorized_credentials());
    }
    if !world.limits.admit(call.endpoint, &faults, &world.clock) {
        return Err(too_many_requests(world, &faults, "too_many_requests"));
    }
    let (share, fault) = failures(&faults, call.endpoint);
    if faults.befalls(share, fault, call.number) {
        return Err(Failure::internal_server_error());
    }
    Ok(())
}

/// A 429 with the `Retry-After` of the hour.
pub(crate) fn too_many_requests(world: &World, faults: &Faults, error_type: &str) -> Failure {
    Failure::too_many_requests(error_type, faults.retry_after.header(world.clock.wall()))
}

/// The share of plain failures of an endpoint. Migrate has its own, see [`crate::stytch`].
fn failures(faults: &Faults, endpoint: Endpoint) -> (f64, Fault) {
    match endpoint {
        Endpoint::ListSessions | Endpoint::ConsumerListSessions => {
            (faults.list_failures, Fault::List)
        }
        Endpoint::Revoke | Endpoint::ConsumerRevoke => (faults.revoke_failures, Fault::Revoke),
        Endpoint::Authenticate | Endpoint::ConsumerAuthenticate => {
            (faults.authenticate_failures, Fault::Authenticate)
        }
        Endpoint::CreateMember
        | Endpoint::GetMember
        | Endpoint::SearchMembers
        | Endpoint::CreateUser
        | Endpoint::GetUser
        | Endpoint::SearchUsers => (faults.member_failures, Fault::Member),
        _ => (0.0, Fault::Member),
    }
}

async fn leave(call: Call, response: Response, cutter: Option<Cutter>) -> Response {
    let outcome = response
        .extensions()
        .get::<Outcome>()
        .map_or(Cow::Borrowed("ok"), |outcome| outcome.0.clone());
    if response.extensions().get::<Cut>().is_none() {
        call.end(Some(response.status().as_u16()), outcome);
        return response;
    }
    call.end(None, outcome);
    if let Some(cutter) = cutter {
        cutter.cut();
    }
    // The connection's task ends, and this future with it.
    pending().await
}

pub(crate) async fn wait(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}
