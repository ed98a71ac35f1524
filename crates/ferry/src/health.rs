//! Whether this process is well, for who watches over it: `/healthz` and `/readyz`; and `/metrics`.
//!
//! Anybody who reaches the address may ask, as often as they like: answers are words of our own,
//! never an error's text, and each part is asked once at a time and once a second at the most.

mod part;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Json, Router};
use ferry_ledger::Ledger;
use ferry_queue::{Queue, QueueError};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::exit::{Coded, Exit};
use part::Part;

/// How long an answer may take. Probes of Kubernetes wait for 1 s unless told otherwise, and take
/// no answer for a bad one.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `/healthz` and `/readyz` look at.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    parts: Vec<Part>,
    gave_up: CancellationToken,
}

/// What keeps a part from being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unready {
    /// For everybody.
    pub(crate) word: &'static str,
    /// For the log, where it is told once.
    pub(crate) why: String,
}

/// A part that does not work.
const AWAY: &str = "away";
/// The whole process.
const GAVE_UP: (&str, &str) = ("process", "gave up");

impl Checks {
    /// Once `gave_up` is cancelled, `/healthz` says that this process is to be started again.
    pub(crate) fn new(gave_up: CancellationToken) -> Self {
        Self {
            parts: Vec::new(),
            gave_up,
        }
    }

    /// Adds a part that is asked by `check`. A check is never dropped half way, and may take as
    /// long as it wants: meanwhile the part is not ready.
    pub(crate) fn part<F>(
        mut self,
        name: &'static str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Unready>> + Send + 'static,
    {
        self.parts.push(Part::new(name, check));
        self
    }

    /// Adds the ledger, which answers this question or fails.
    pub(crate) fn ledger<F>(self, question: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.part("ledger", move || {
            let answer = question();
            async move { answer.await.map_err(|why| Unready { word: AWAY, why }) }
        })
    }

    /// Adds the queue: connected, and not blocked.
    pub(crate) fn queue(self, queue: Queue) -> Self {
        self.part("queue", move || {
            let queue = queue.clone();
            async move {
                queue.health().await.map_err(|error| Unready {
                    word: match error {
                        QueueError::Blocked => "blocked",
                        _ => AWAY,
                    },
                    why: error.to_string(),
                })
            }
        })
    }
}

/// What the ledger must answer for this process to be ready.
pub(crate) fn question(ledger: &Ledger) -> impl Fn() -> Question + use<> {
    let ledger = ledger.clone();
    move || {
        let ledger = ledger.clone();
        Box::pin(async move {
            let answer = ledger.active_runs().await;
            answer.map(drop).map_err(|error| error.to_string())
        })
    }
}

type Question = std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Answers on this address until `stop` is cancelled; `metrics` are asked by each scrape. Returns the address that it got: port 0 means
/// any.
pub(crate) async fn serve(
    listen: SocketAddr,
    checks: Checks,
    metrics: impl Fn() -> String + Send + Sync + 'static,
    stop: CancellationToken,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| {
            format!("health.listen: nobody can be answered on {listen}; give a free address of this machine")
        })
        .context(Coded(Exit::Usage))?;
    let address = listener.local_addr()?;
    let metrics = Arc::new(metrics);
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(checks))
        .route(
            "/metrics",
            get(move || {
                let text = metrics();
                async move { ([(CONTENT_TYPE, ferry_metrics::CONTENT_TYPE)], text) }
            }),
        );
    tracing::info!(%address, "answering /healthz and /readyz and /metrics");
    tokio::spawn(async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::warn!(%error, "nobody answers /healthz and /readyz any more");
        }
    });
    Ok(address)
}

type Answer = (StatusCode, Json<BTreeMap<&'static str, &'static str>>);

async fn healthz(State(checks): State<Arc<Checks>>) -> Answer {
    if checks.gave_up.is_cancelled() {
        answer(false, [GAVE_UP])
    } else {
        answer(true, [("process", "ok")])
    }
}

async fn readyz(State(checks): State<Arc<Checks>>) -> Answer {
    let now = Instant::now();
    // All are asked before the first is waited for.
    let asked: Vec<_> = checks
        .parts
        .iter()
        .map(|part| (part.name, part.ask(now)))
        .collect();
    let (mut ready, mut words) = (true, Vec::new());
    for (name, asked) in asked {
        let word = part::answer(asked, now + PATIENCE).await;
        ready &= word.is_ok();
        words.push((name, word.unwrap_or_else(|word| word)));
    }
    if checks.gave_up.is_cancelled() {
        ready = false;
        words.push(GAVE_UP);
    }
    answer(ready, words)
}

fn answer(well: bool, words: impl IntoIterator<Item = (&'static str, &'static str)>) -> Answer {
    let status = if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(words.into_iter().collect()))
}

#[cfg(test)]
mod tests;
