//! One connection to the broker, and what is known of its state.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::QueueDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Event};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::{AmqpUrl, QueueError, Settings};

/// How long a connection may take, TLS and login included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one request and its answer may take on a connection that is not blocked.
pub(super) const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection is given to end in order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection. lapin's own recovery is off: it leaves consumers silent and accepts stale
/// acknowledgements.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
    state: watch::Receiver<LinkState>,
    _watching: AbortOnDropHandle<()>,
}

/// What the broker said of the connection last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LinkState {
    /// It reads nothing from us, acknowledgements included, since then.
    pub(super) blocked_since: Option<Instant>,
    /// It is over.
    pub(super) lost: bool,
}

impl Link {
    /// Connects and logs in. `purpose` is what the broker's own tools show beside it.
    pub(super) async fn open(settings: &Settings, purpose: &str) -> Result<Self, QueueError> {
        let name = format!("ferry {purpose} ({})", settings.prefix);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let tls = OwnedTLSConfig {
            identity: None,
            cert_chain: settings.ca_certificates.clone(),
        };
        let connecting = async {
            let runtime = lapin::runtime::default_runtime()?;
            Connection::connect_uri_with_config(settings.url.uri(), properties, tls, runtime).await
        };
        let connection = within(CONNECT_TIMEOUT, "connecting", connecting)
            .await?
            .map_err(|error| judge(error, &settings.url))?;
        let (sender, state) = watch::channel(LinkState::default());
        let events = connection.events_listener();
        let watching = AbortOnDropHandle::new(tokio::spawn(watch_events(events, sender)));
        Ok(Self {
            connection,
            state,
            _watching: watching,
        })
    }

    /// Whether it can be used.
    pub(super) fn is_alive(&self) -> bool {
        self.connection.status().connected() && !self.state.borrow().lost
    }

    /// Its state, to look at or to wait for.
    pub(super) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// Waits for an answer. The limit does not count while the broker is blocked: then it reads
    /// nothing, and nothing is wrong with us.
    pub(super) async fn patiently<T>(
        &self,
        limit: Duration,
        what: &'static str,
        asking: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, QueueError> {
        let mut asking = std::pin::pin!(asking);
        let mut state = self.state();
        loop {
            let LinkState {
                blocked_since,
                lost,
            } = *state.borrow_and_update();
            let blocked = blocked_since.is_some();
            tokio::select! {
                biased;
                answer = &mut asking => return answer.map_err(QueueError::Lost),
                () = std::future::ready(()), if lost => {
                    return Err(QueueError::Ended { what: "connection" });
                }
                changed = state.changed() => if changed.is_err() {
                    return Err(QueueError::Ended { what: "connection" });
                },
                () = tokio::time::sleep(limit), if !blocked => {
                    return Err(QueueError::Timeout { what, after: limit });
                }
            }
        }
    }

    /// Ends the connection in order, if that is possible in time.
    pub(super) async fn close(&self) {
        let closing = self.connection.close(200, "bye".into());
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }
}

/// Sets a limit to one request.
pub(super) async fn within<T>(
    limit: Duration,
    what: &'static str,
    asking: impl Future<Output = T>,
) -> Result<T, QueueError> {
    tokio::time::timeout(limit, asking)
        .await
        .map_err(|_| QueueError::Timeout { what, after: limit })
}

/// Looks at a queue, and how many messages are ready in it. If it is missing the channel is closed.
pub(super) async fn declare_passively(channel: &Channel, queue: &str) -> lapin::Result<usize> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declaring = channel.queue_declare(queue.into(), passive, FieldTable::default());
    Ok(declaring.await?.message_count() as usize)
}

async fn watch_events(
    mut events: impl futures::Stream<Item = Event> + Unpin,
    state: watch::Sender<LinkState>,
) {
    while let Some(event) = events.next().await {
        match event {
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(reason, "the broker is blocked");
                state.send_modify(|state| state.blocked_since = Some(Instant::now()));
            }
            Event::ConnectionUnblocked => {
                tracing::info!("the broker is no longer blocked");
                state.send_modify(|state| state.blocked_since = None);
            }
            // A soft error closed a channel, as when a queue was looked for in vain.
            Event::Error(error) if !error.is_amqp_soft_error() => {
                state.send_modify(|state| state.lost = true);
            }
            _ => {}
        }
    }
}

/// Tells a wrong setting from a broker that is away.
fn judge(error: lapin::Error, url: &AmqpUrl) -> QueueError {
    let broker = url.to_string();
    let ErrorKind::ProtocolError(refusal) = error.kind() else {
        return QueueError::Unreachable {
            broker,
            source: error,
        };
    };
    match refusal.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => QueueError::Credentials { broker },
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INVALIDPATH) => {
            QueueError::VirtualHost { broker }
        }
        _ => QueueError::Unreachable {
            broker,
            source: error,
        },
    }
}
