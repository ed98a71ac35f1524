//! How Stytch asks UserInfo for a person: over HTTP, or in process in fast mode.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use super::userinfo;
use crate::audit::Endpoint;
use crate::gate::wait;
use crate::world::World;

/// The address that UserInfo gives for a token, if it gives one.
pub(crate) async fn email_of(world: &Arc<World>, token: &str) -> Option<String> {
    if world.fast {
        return in_process(world, token).await;
    }
    let asked = world
        .provider
        .client
        .ask(&world.provider.userinfo_url, token);
    tokio::time::timeout(USERINFO_TIMEOUT, asked)
        .await
        .ok()
        .flatten()
}

async fn in_process(world: &World, token: &str) -> Option<String> {
    let faults = world.faults();
    let call = world.calls.begin(Endpoint::UserInfo, world.clock.wall());
    wait(faults.userinfo_latency_ms).await;
    match userinfo::claims(world, &faults, call.number, token) {
        Ok(claims) => {
            call.end(Some(StatusCode::OK.as_u16()), Cow::Borrowed("ok"));
            Some(claims.email).filter(|email| email.contains('@'))
        }
        Err(refusal) => {
            call.end(None, Cow::Borrowed(refusal.outcome()));
            None
        }
    }
}

/// An HTTP client for loopback.
pub(super) struct Client(legacy::Client<HttpConnector, Empty<Bytes>>);

impl Client {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    async fn ask(&self, url: &str, token: &str) -> Option<String> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        bearer.set_sensitive(true);
        let request = Request::get(url)
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/json")
            .body(Empty::new())
            .ok()?;
        let response = self.0.request(request).await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let body = Limited::new(response.into_body(), LARGEST_REPLY_BYTES)
            .collect()
            .await
            .ok()?;
        let reply: Reply = serde_json::from_slice(&body.to_bytes()).ok()?;
        reply.email.filter(|email| email.contains('@'))
    }
}

#[derive(Deserialize)]
struct Reply {
    email: Option<String>,
}

/// Stytch publishes no timeout; a caller's own is rarely longer than this.
const USERINFO_TIMEOUT: Duration = Duration::from_secs(10);

/// A UserInfo reply is below a kilobyte.
const LARGEST_REPLY_BYTES: usize = 64 * 1024;
