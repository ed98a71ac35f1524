//! Connections: accepted, served, and cut when a fault says so.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Cuts the connection on which a request came, without another byte.
#[derive(Debug, Clone)]
pub(crate) struct Cutter(Arc<Notify>);

impl Cutter {
    pub(crate) fn cut(&self) {
        self.0.notify_one();
    }
}

/// Serves until `shutdown` is ready; then all connections are cut.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone()));
                }
                // A full table of file descriptors or a client that has gone: others are served on.
                Err(error) => {
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    // Small replies must not wait for more to come; where that cannot be set, they do.
    let _ = stream.set_nodelay(true);
    let cutter = Cutter(Arc::new(Notify::new()));
    let service = TowerToHyperService::new(router.layer(Extension(cutter.clone())));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        served = connection => if let Err(error) = served {
            tracing::trace!(%error, "a connection ended early");
        },
        () = cutter.0.notified() => {}
    }
}

/// How long to wait after a connection was not accepted: a full table of file descriptors does not
/// empty within microseconds.
const ACCEPT_AGAIN: Duration = Duration::from_millis(10);
