//! Raw part: a bare hyper client that makes the same calls.

use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferry_core::session::LegacySession;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ferry::CONCURRENCY;
use crate::figure::{micros_each, per_second};
use crate::measurement::Measurement;
use crate::process::Mark;
use crate::reading;
use crate::simulator::Simulator;

pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

/// HTTP/1.1, connections kept alive.
pub(crate) fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Makes so many migrate calls with the export's first rows, and reads and parses each reply.
pub(crate) async fn measure(
    simulator: &Simulator,
    export: &Path,
    calls: usize,
) -> Result<Measurement> {
    let caller = Arc::new(Caller::new(simulator, sessions(export, calls)?));
    let (begin, simulator_begin) = (Mark::now(process::id())?, simulator.mark()?);
    let callers: Vec<_> = (0..CONCURRENCY)
        .map(|_| tokio::spawn(Arc::clone(&caller).call_on()))
        .collect();
    for caller in callers {
        caller.await??;
    }
    let (end, simulator_end) = (Mark::now(process::id())?, simulator.mark()?);
    let n = caller.sessions.len() as u64;
    Ok(Measurement {
        part: "bare hyper client: migrate calls".to_owned(),
        n,
        concurrency: Some(CONCURRENCY),
        times: 1,
        per_second: per_second(n, end.since(&begin)),
        own_cpu_micros: Some(micros_each(end.cpu_since(&begin), n)),
        simulator_cpu_micros: Some(micros_each(simulator_end.cpu_since(&simulator_begin), n)),
        ..Measurement::default()
    })
}

/// The export's first rows.
pub(crate) fn sessions(export: &Path, count: usize) -> Result<Vec<LegacySession>> {
    let mut export = reading::open(export)?;
    let mut sessions = Vec::with_capacity(count);
    while sessions.len() < count {
        let batch = reading::next_sessions(&mut export)?;
        ensure!(!batch.is_empty(), "the export has fewer rows than {count}");
        sessions.extend(batch);
    }
    sessions.truncate(count);
    Ok(sessions)
}

struct Caller {
    calls: Calls,
    sessions: Vec<LegacySession>,
    next: AtomicUsize,
}

/// How to call.
pub(crate) struct Calls {
    http: Http,
    url: String,
    authorization: String,
}

#[derive(Serialize)]
struct Call<'a> {
    session_token: &'a str,
    organization_id: &'a str,
    session_duration_minutes: u32,
    session_custom_claims: serde_json::Value,
}

/// What Ferry keeps of a reply.
#[derive(Deserialize)]
pub(crate) struct Reply {
    pub(crate) member_id: String,
    pub(crate) session_token: String,
    member: Member,
    pub(crate) organization: Organization,
    pub(crate) member_session: MemberSession,
}

#[derive(Deserialize)]
struct Member {
    email_address: String,
}

#[derive(Deserialize)]
pub(crate) struct Organization {
    pub(crate) organization_id: String,
}

#[derive(Deserialize)]
pub(crate) struct MemberSession {
    pub(crate) member_session_id: String,
    pub(crate) expires_at: String,
}

impl Reply {
    fn is_whole(&self) -> bool {
        let texts = [
            &self.member_id,
            &self.session_token,
            &self.member.email_address,
            &self.organization.organization_id,
            &self.member_session.member_session_id,
            &self.member_session.expires_at,
        ];
        texts.iter().all(|text| !text.is_empty())
    }
}

impl Caller {
    fn new(simulator: &Simulator, sessions: Vec<LegacySession>) -> Self {
        Self {
            calls: Calls::to(simulator),
            sessions,
            next: AtomicUsize::new(0),
        }
    }

    /// Calls for one session after the other until none is left.
    async fn call_on(self: Arc<Self>) -> Result<()> {
        loop {
            let place = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(session) = self.sessions.get(place) else {
                return Ok(());
            };
            let token = session.access_token.expose_secret();
            self.calls
                .migrate(place as u64, token, &session.organization)
                .await?;
        }
    }
}

impl Calls {
    pub(crate) fn to(simulator: &Simulator) -> Self {
        let pair = format!("{}:{}", simulator.project_id, simulator.secret);
        Self {
            http: http(),
            url: format!("{}/v1/b2b/sessions/migrate", simulator.base_url),
            authorization: format!("Basic {}", STANDARD.encode(pair)),
        }
    }

    /// One migrate call; the place stands where Ferry has its attempt's id.
    pub(crate) async fn migrate(
        &self,
        place: u64,
        token: &str,
        organization: &str,
    ) -> Result<Reply> {
        let call = Call {
            session_token: token,
            organization_id: organization,
            session_duration_minutes: 1440,
            session_custom_claims: json!({ "attempt": format!("{place:032x}") }),
        };
        let request = Request::post(&self.url)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(serde_json::to_vec(&call)?)))?;
        let reply = self.http.request(request).await?;
        ensure!(reply.status().is_success(), "{}", reply.status());
        let body = reply.into_body().collect().await?.to_bytes();
        let reply: Reply = serde_json::from_slice(&body).context("a migrate reply")?;
        ensure!(reply.is_whole(), "a reply lacks what Ferry keeps");
        Ok(reply)
    }
}
