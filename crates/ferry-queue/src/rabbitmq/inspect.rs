//! Looking at a broker without declaring anything.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::protocol::AMQPSoftError;
use lapin::types::FieldTable;
use lapin::{BasicProperties, ExchangeKind};

use crate::rabbitmq::link::{Link, OPERATION_TIMEOUT, declare_passively};
use crate::rabbitmq::topology::{Topology, is};
use crate::{QueueError, Settings};

/// What is found on a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The virtual host that was entered.
    pub virtual_host: String,
    /// Whether our exchange is there.
    pub exchange: bool,
    /// How many messages are ready in the work queue; `None` if it is not there.
    pub work: Option<usize>,
    /// How many letters lie in the dead-letter queue; `None` if it is not there.
    pub dead: Option<usize>,
    /// The broker takes no messages, for want of memory or disk. Known only where our exchange is
    /// there to be tried.
    pub blocked: bool,
}

/// A message that no queue wants: a broker with an alarm tells only those who publish.
const NOBODY: &str = "check";
/// How long a broker without an alarm may take to confirm what it throws away.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects, looks, and leaves. Declares nothing.
pub(crate) async fn inspect(settings: &Settings) -> Result<Inspection, QueueError> {
    let topology = Topology::new(&settings.prefix);
    let link = Link::open(settings, "check").await?;
    let exchange = has_exchange(&link, &topology.exchange).await?;
    let work = count(&link, &topology.work).await?;
    let dead = count(&link, &topology.dead).await?;
    let blocked = exchange && is_blocked(&link, &topology.exchange).await?;
    let virtual_host = link.connection.status().vhost().to_string();
    link.close().await;
    Ok(Inspection {
        virtual_host,
        exchange,
        work,
        dead,
        blocked,
    })
}

async fn has_exchange(link: &Link, name: &str) -> Result<bool, QueueError> {
    let declaring = async {
        let channel = link.connection.create_channel().await?;
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let none = FieldTable::default();
        channel
            .exchange_declare(name.into(), ExchangeKind::Direct, options, none)
            .await
    };
    let found = link
        .patiently(OPERATION_TIMEOUT, "looking for the exchange", declaring)
        .await;
    Ok(if_there(found)?.is_some())
}

/// On a channel of its own: a queue that is missing closes it.
async fn count(link: &Link, name: &str) -> Result<Option<usize>, QueueError> {
    let counting = async {
        let channel = link.connection.create_channel().await?;
        declare_passively(&channel, name).await
    };
    let found = link
        .patiently(OPERATION_TIMEOUT, "counting messages", counting)
        .await;
    if_there(found)
}

fn if_there<T>(found: Result<T, QueueError>) -> Result<Option<T>, QueueError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(QueueError::Lost(error)) if is(&error, &AMQPSoftError::NOTFOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a message that nobody wants is not even confirmed.
async fn is_blocked(link: &Link, exchange: &str) -> Result<bool, QueueError> {
    let publishing = async {
        let channel = link.connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let (exchange, key) = (exchange.into(), NOBODY.into());
        channel
            .basic_publish(exchange, key, options, &[], properties)
            .await?
            .await
    };
    match tokio::time::timeout(CONFIRM_TIMEOUT, publishing).await {
        Ok(Ok(_)) => Ok(link.state().borrow().blocked_since.is_some()),
        Ok(Err(error)) => Err(QueueError::Lost(error)),
        Err(_) => Ok(true),
    }
}
