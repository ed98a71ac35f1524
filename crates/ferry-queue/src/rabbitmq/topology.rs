//! Everything that Ferry declares on a broker, as data.
//!
//! ```text
//!                          key "work"
//!  exchange PREFIX.v1 ───────────────────▶ queue PREFIX.v1.work ──▶ workers
//!   (direct)      ▲   ───────────────────▶ queue PREFIX.v1.dead       │
//!                 │        key "dead"                                 │ rejected,
//!                 └──────────────────── dead letters ─────────────────┘ delivered too often
//! ```
//!
//! Nothing here is newer than `RabbitMQ` 3.10. A change of any argument needs a new version in the
//! names: a queue cannot be redeclared with other arguments.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind, ExchangeKind};

use crate::QueueError;
use crate::rabbitmq::link::OPERATION_TIMEOUT;
use crate::rabbitmq::link::within;

/// The version of names, arguments and message format.
pub(super) const VERSION: u32 = 1;
/// Routing key of due sessions.
pub(super) const WORK: &str = "work";
/// Routing key of dead letters.
pub(super) const DEAD: &str = "dead";

/// A message that is delivered more often than this goes to the dead-letter queue. Explicit,
/// since 3.10 has no limit and 4.0 has 20; so high, since the ledger counts attempts and this is
/// only there to end a loop that the ledger never sees. Its session stays due.
const DELIVERY_LIMIT: i64 = 1_000;

/// The names under one prefix.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    /// Where everything is published to.
    pub(super) exchange: String,
    /// Due sessions.
    pub(super) work: String,
    /// Dead letters.
    pub(super) dead: String,
}

impl Topology {
    pub(super) fn new(prefix: &str) -> Self {
        let exchange = format!("{prefix}.v{VERSION}");
        Self {
            work: format!("{exchange}.{WORK}"),
            dead: format!("{exchange}.{DEAD}"),
            exchange,
        }
    }

    fn queues(&self) -> [(&str, &'static str, FieldTable); 2] {
        [
            (&self.dead, DEAD, self.dead_arguments()),
            (&self.work, WORK, self.work_arguments()),
        ]
    }

    fn work_arguments(&self) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        table([
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
            ("x-dead-letter-exchange", text(&self.exchange)),
            ("x-dead-letter-routing-key", text(DEAD)),
            ("x-dead-letter-strategy", text("at-least-once")),
            // Without it the strategy is silently at-most-once.
            ("x-overflow", text("reject-publish")),
        ])
    }

    #[expect(
        clippy::unused_self,
        reason = "arguments of the two queues are made alike"
    )]
    fn dead_arguments(&self) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        table([
            ("x-queue-type", text("quorum")),
            ("x-overflow", text("reject-publish")),
        ])
    }

    /// Sees to it that exchange, queues and bindings are there. Returns whether the work queue
    /// had to be made: then whatever was in an earlier one is gone.
    ///
    /// Looks before it declares: a user without the right to declare can use what is there.
    pub(super) async fn ensure(&self, connection: &Connection) -> Result<bool, QueueError> {
        let mut work_made = false;
        self.ensure_exchange(connection).await?;
        for (name, key, arguments) in self.queues() {
            let made = ensure_queue(connection, name, arguments).await?;
            work_made |= made && name == self.work;
            self.bind(connection, name, key, made).await?;
        }
        Ok(work_made)
    }

    async fn ensure_exchange(&self, connection: &Connection) -> Result<(), QueueError> {
        let declare = async |passive| {
            let channel = connection.create_channel().await?;
            let options = ExchangeDeclareOptions {
                passive,
                durable: true,
                ..ExchangeDeclareOptions::default()
            };
            let (name, none) = (self.exchange.as_str().into(), FieldTable::default());
            channel
                .exchange_declare(name, ExchangeKind::Direct, options, none)
                .await
        };
        let there = there(declare_in_time(declare(true)).await?)?;
        let declared = declare_in_time(declare(false)).await?;
        judge(declared, &self.exchange, there)
    }

    async fn bind(
        &self,
        connection: &Connection,
        queue: &str,
        key: &str,
        made: bool,
    ) -> Result<(), QueueError> {
        let binding = async {
            let channel = connection.create_channel().await?;
            let (queue, exchange) = (queue.into(), self.exchange.as_str().into());
            let options = QueueBindOptions::default();
            channel
                .queue_bind(queue, exchange, key.into(), options, FieldTable::default())
                .await
        };
        judge(declare_in_time(binding).await?, queue, !made)
    }
}

/// Returns whether it had to be made.
async fn ensure_queue(
    connection: &Connection,
    name: &str,
    arguments: FieldTable,
) -> Result<bool, QueueError> {
    let declare = async |passive| {
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions {
            passive,
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let declared = channel.queue_declare(name.into(), options, arguments.clone());
        declared.await.map(|_| ())
    };
    let there = there(declare_in_time(declare(true)).await?)?;
    // Of what is there this compares the arguments.
    let declared = declare_in_time(declare(false)).await?;
    judge(declared, name, there)?;
    Ok(!there)
}

async fn declare_in_time<T>(
    declaring: impl Future<Output = lapin::Result<T>>,
) -> Result<lapin::Result<T>, QueueError> {
    within(OPERATION_TIMEOUT, "declaring", declaring).await
}

/// Whether a passive declaration found it.
fn there<T>(found: lapin::Result<T>) -> Result<bool, QueueError> {
    match found {
        Ok(_) => Ok(true),
        Err(error) if is(&error, &AMQPSoftError::NOTFOUND) => Ok(false),
        // Without the right to look there may be the right to declare.
        Err(error) if is(&error, &AMQPSoftError::ACCESSREFUSED) => Ok(false),
        Err(error) => Err(QueueError::Lost(error)),
    }
}

/// What an active declaration came to, of something that was `there` or not.
fn judge<T>(declared: lapin::Result<T>, name: &str, there: bool) -> Result<(), QueueError> {
    match declared {
        Ok(_) => Ok(()),
        Err(error) if is(&error, &AMQPSoftError::PRECONDITIONFAILED) => {
            Err(QueueError::Arguments {
                name: name.to_owned(),
                detail: detail(&error),
            })
        }
        // Whoever may not declare may use what somebody else declared.
        Err(error) if is(&error, &AMQPSoftError::ACCESSREFUSED) && there => Ok(()),
        Err(error) if is(&error, &AMQPSoftError::ACCESSREFUSED) => Err(QueueError::Permission {
            name: name.to_owned(),
        }),
        Err(error) => Err(QueueError::Lost(error)),
    }
}

/// Whether the broker closed a channel for this reason.
pub(super) fn is(error: &lapin::Error, soft: &AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(kind) if kind == soft))
}

fn detail(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        _ => error.to_string(),
    }
}

fn table<const N: usize>(entries: [(&'static str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}
