//! How many migrate calls a second the simulator stands, with a client on the same machine: whoever
//! measures anything against it should know that first.
//!
//! `cargo run --release -p ferry-sim --example rate [SECONDS] [IN_FLIGHT] [fast|real]`

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::{Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferry_sim::{Options, Population, Simulator};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

type Http = Client<HttpConnector, Full<Bytes>>;

const SESSIONS: u64 = 20_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(Ok(5), |value| value.parse())?;
    let in_flight = arguments.next().map_or(Ok(64_u32), |value| value.parse())?;
    let fast = arguments.next().is_none_or(|mode| mode == "fast");
    let population = Population {
        organizations: 8,
        ..Population::new(SESSIONS, 1)
    };
    let options = Options {
        population,
        fast,
        ..Options::default()
    };
    let mut simulator = Simulator::start(options).await?;
    let requests = Arc::new(requests(&simulator)?);
    let next = Arc::new(AtomicU64::new(0));
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let callers: Vec<_> = (0..in_flight)
        .map(|_| {
            tokio::spawn(call(
                http.clone(),
                Arc::clone(&requests),
                Arc::clone(&next),
                until,
            ))
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    let milliseconds = u64::try_from(began.elapsed().as_millis())?.max(1);
    let minted = simulator.audit().sessions.minted;
    simulator.stop().await;
    println!(
        "{minted} sessions minted, {in_flight} in flight, {} mode: {}/s",
        if fast { "fast" } else { "real" },
        minted * 1000 / milliseconds
    );
    Ok(())
}

/// One request for each session of the population.
fn requests(simulator: &Simulator) -> Result<Vec<Request<Full<Bytes>>>, Box<dyn Error>> {
    let credentials = simulator.credentials();
    let pair = format!("{}:{}", credentials.project_id, credentials.secret);
    let authorization = format!("Basic {}", STANDARD.encode(pair));
    let population = simulator.population();
    let request = |session| {
        let person = population.person(population.session(session).person);
        let body = serde_json::json!({
            "session_token": simulator.access_token(session, 3600),
            "organization_id": population.organization(person.organization).organization_id,
            "session_duration_minutes": 1440,
            "session_custom_claims": { "attempt": format!("{session:032x}") },
        });
        let request = Request::post(format!("{}/v1/b2b/sessions/migrate", simulator.base_url()))
            .header(header::AUTHORIZATION, &authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))?;
        Ok(request)
    };
    (0..SESSIONS).map(request).collect()
}

/// Sends one request after the other until the time is over; reads each reply to its end.
async fn call(
    http: Http,
    requests: Arc<Vec<Request<Full<Bytes>>>>,
    next: Arc<AtomicU64>,
    until: Instant,
) -> Result<(), String> {
    while Instant::now() < until {
        let turn = next.fetch_add(1, Ordering::Relaxed) % SESSIONS;
        let request = requests[usize::try_from(turn).map_err(|error| error.to_string())?].clone();
        let response = http
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("the simulator said {}", response.status()));
        }
        response
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}
