//! Pages that show what happened.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::audit::{Audit, MintedSession};
use crate::reply;
use crate::sessions::SHARDS;
use crate::world::World;

pub(super) async fn audit(State(world): State<Arc<World>>) -> Response {
    let taken = tokio::task::spawn_blocking(move || {
        Audit::take(&world.sessions, &world.calls, world.clock.now())
    });
    match taken.await {
        Ok(audit) => reply::plain(StatusCode::OK, &audit),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct Last {
    last: Option<usize>,
}

pub(super) async fn calls(
    State(world): State<Arc<World>>,
    Query(Last { last }): Query<Last>,
) -> Response {
    reply::plain(
        StatusCode::OK,
        &world.calls.last(last.unwrap_or(DEFAULT_CALLS)),
    )
}

/// Every session, as a stream of lines, so that ten million of them take no memory.
pub(super) async fn sessions(State(world): State<Arc<World>>) -> Response {
    let start = Some((0, 0));
    let stream = futures::stream::unfold((world, start), |(world, place)| async move {
        let (lines, next) = lines(&world, place?);
        Some((Ok::<_, Infallible>(lines), (world, next)))
    });
    let ndjson = HeaderValue::from_static("application/x-ndjson");
    ([(header::CONTENT_TYPE, ndjson)], Body::from_stream(stream)).into_response()
}

/// The lines of some sessions of a shard from a place on, and where to go on.
fn lines(world: &World, (shard, from): (u64, usize)) -> (Bytes, Option<(u64, usize)>) {
    let mut records = Vec::new();
    let seen = world
        .sessions
        .visit(shard, from, SESSIONS_AT_ONCE, &mut |number, record| {
            records.push((number, record.clone()));
        });
    let mut lines = Vec::new();
    for (number, record) in &records {
        serde_json::to_writer(&mut lines, &MintedSession::of(world, *number, record))
            .expect("a session has text keys, and memory takes it");
        lines.push(b'\n');
    }
    let next = if seen == SESSIONS_AT_ONCE {
        Some((shard, from + seen))
    } else {
        Some((shard + 1, 0)).filter(|(shard, _)| *shard < SHARDS)
    };
    (Bytes::from(lines), next)
}

const DEFAULT_CALLS: usize = 100;

/// Half a megabyte of lines.
const SESSIONS_AT_ONCE: usize = 1_000;
