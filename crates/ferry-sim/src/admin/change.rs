//! Pages that change something.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::clock::rfc3339;
use crate::reply;
use crate::world::World;

pub(super) async fn faults(State(world): State<Arc<World>>) -> Response {
    reply::plain(StatusCode::OK, &*world.faults())
}

/// The whole set: what is not named is off.
pub(super) async fn set_faults(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Mistake> {
    world.set_faults(parse(&body)?);
    Ok(reply::plain(StatusCode::OK, &*world.faults()))
}

pub(super) async fn person(
    State(world): State<Arc<World>>,
    Path(subject): Path<String>,
    body: Bytes,
) -> Result<Response, Mistake> {
    if world.directory.change(&subject, parse(&body)?) {
        Ok(done())
    } else {
        Err(Mistake::nobody())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LegacySession {
    revoked: bool,
}

pub(super) async fn legacy_session(
    State(world): State<Arc<World>>,
    Path(session_id): Path<String>,
    body: Bytes,
) -> Result<Response, Mistake> {
    let LegacySession { revoked } = parse(&body)?;
    let session = world
        .population
        .session_number(&session_id)
        .ok_or_else(Mistake::nobody)?;
    world.provider.set_revoked(session, revoked);
    Ok(done())
}

pub(super) async fn clock(State(world): State<Arc<World>>) -> Response {
    reply::plain(
        StatusCode::OK,
        &json!({ "now": rfc3339(world.clock.now()) }),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

pub(super) async fn advance(
    State(world): State<Arc<World>>,
    body: Bytes,
) -> Result<Response, Mistake> {
    let Advance { advance_seconds } = parse(&body)?;
    world
        .clock
        .advance(Duration::from_secs(advance_seconds.into()));
    Ok(clock(State(world)).await)
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Mistake> {
    serde_json::from_slice(body).map_err(|error| Mistake {
        status: StatusCode::BAD_REQUEST,
        message: error.to_string(),
    })
}

fn done() -> Response {
    reply::plain(StatusCode::OK, &json!({}))
}

/// What the caller did wrong.
pub(super) struct Mistake {
    status: StatusCode,
    message: String,
}

impl Mistake {
    fn nobody() -> Self {
        let message = "the population has none with this id".to_owned();
        Self {
            status: StatusCode::NOT_FOUND,
            message,
        }
    }
}

impl IntoResponse for Mistake {
    fn into_response(self) -> Response {
        reply::plain(self.status, &json!({ "error": self.message }))
    }
}
