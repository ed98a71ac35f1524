//! The token endpoint: `grant_type=refresh_token`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::reply;
use crate::world::World;

#[derive(Deserialize)]
struct Request {
    grant_type: Option<String>,
    refresh_token: Option<String>,
}

pub(super) async fn token(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let faults = world.faults();
    if !world
        .provider
        .tenant
        .admit(faults.userinfo_per_second, world.clock.wall() / 1000)
    {
        return refuse(429, "too_many_requests", "Global limit has been reached.");
    }
    let Some(request) = request(&headers, &body) else {
        return refuse(400, "invalid_request", "The body cannot be read.");
    };
    if request.grant_type.as_deref() != Some("refresh_token") {
        return refuse(
            403,
            "unsupported_grant_type",
            "Only refresh_token is supported.",
        );
    }
    let refreshed = request
        .refresh_token
        .as_deref()
        .and_then(|token| refresh(&world, token));
    refreshed.unwrap_or_else(|| refuse(403, "invalid_grant", "Unknown or invalid refresh token."))
}

/// New tokens for an old refresh token, if it is good.
fn refresh(world: &World, token: &str) -> Option<Response> {
    let population = &world.population;
    let [session, generation] = population.recognise_refresh_token(token)?;
    let change = world.directory.changes_of(population.owner_of(session));
    if change.and_then(|change| change.logged_out).unwrap_or(false)
        || world.provider.is_revoked(population, session)
    {
        return None;
    }
    let now = world.clock.now();
    let generation = world.provider.rotate(session, generation, now)?;
    let expires_at = u64::try_from(now / 1000 + ACCESS_TOKEN_SECONDS).unwrap_or(0);
    Some(reply::plain(
        StatusCode::OK,
        &json!({
            "access_token": population.access_token(session, &world.issuer, expires_at),
            "refresh_token": population.refresh_token(session, generation),
            "scope": "openid profile email offline_access",
            "expires_in": ACCESS_TOKEN_SECONDS,
            "token_type": "Bearer",
        }),
    ))
}

/// A form, as the standard says, or JSON, as Auth0 also takes.
fn request(headers: &HeaderMap, body: &Bytes) -> Option<Request> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|value| value.starts_with("application/json")) {
        return serde_json::from_slice(body).ok();
    }
    let form = format!("/?{}", str::from_utf8(body).ok()?)
        .parse::<Uri>()
        .ok()?;
    Query::try_from_uri(&form)
        .ok()
        .map(|Query(request)| request)
}

fn refuse(status: u16, error: &'static str, description: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("statuses are written in this file");
    let body = json!({ "error": error, "error_description": description });
    reply::noted(reply::plain(status, &body), error)
}

/// Auth0's default life of a token for UserInfo (code flow).
const ACCESS_TOKEN_SECONDS: i64 = 86_400;
