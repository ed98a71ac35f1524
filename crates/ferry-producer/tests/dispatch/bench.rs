//! A ledger with sessions that are due, and a broker.

use std::sync::Arc;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use ferry_core::session::{ExportRow, LegacySession, SessionClock, SessionFacts};
use ferry_ledger::runs::RunSource;
use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, SystemClock};
use ferry_producer::dispatch::{DispatchError, Scope, Settings as Dispatching, dispatch};
use ferry_queue::{AmqpUrl, Queue, Settings};
use ferry_testbed::{SharedBroker, shared_broker};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Channel, Connection, ConnectionProperties};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How many sessions are due.
pub(crate) const SESSIONS: u64 = 20;

pub(crate) struct Bench {
    pub(crate) ledger: Ledger,
    pub(crate) run: RunId,
    pub(crate) queue: Queue,
    pub(crate) stop: CancellationToken,
    exchange: String,
    operator: Connection,
    _broker: SharedBroker,
    _folder: TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the system has random numbers");
        let folder = TempDir::new().expect("a place for temporary files");
        let (ledger, run) = ledger(&folder, &mut rng).await;
        let broker = shared_broker()
            .await
            .unwrap_or_else(|none| panic!("{none}"));
        let prefix = format!("test-{:016x}", rng.next_u64());
        let settings = Settings {
            prefix: prefix.clone(),
            ..Settings::new(AmqpUrl::parse(&broker.url).expect("a good URL"))
        };
        let queue = Queue::connect(settings, &mut rng).await;
        let operator = Connection::connect(&broker.url, ConnectionProperties::default()).await;
        Self {
            ledger,
            run,
            queue: queue.expect("the broker takes us"),
            stop: CancellationToken::new(),
            exchange: format!("{prefix}.v1"),
            operator: operator.expect("the broker takes us"),
            _broker: broker,
            _folder: folder,
        }
    }

    pub(crate) async fn dispatch(&self) -> Result<(), DispatchError> {
        let settings = Dispatching {
            scope: Scope::Run(self.run),
            window: 1_000,
            lease: Duration::from_secs(30),
        };
        dispatch(settings, &self.ledger, &self.queue, &self.stop).await
    }

    pub(crate) async fn delete_work_queue(&self) {
        self.delete_queue("work").await;
    }

    pub(crate) async fn clean_up(self) {
        self.delete_queue("work").await;
        self.delete_queue("dead").await;
        let exchange = self.exchange.as_str().into();
        let channel = self.channel().await;
        let deleting = channel.exchange_delete(exchange, ExchangeDeleteOptions::default());
        deleting.await.expect("it can be deleted");
    }

    async fn delete_queue(&self, queue: &str) {
        let name = format!("{}.{queue}", self.exchange);
        let channel = self.channel().await;
        let deleting = channel.queue_delete(name.into(), QueueDeleteOptions::default());
        deleting.await.expect("it can be deleted");
    }

    async fn channel(&self) -> Channel {
        self.operator.create_channel().await.expect("a channel")
    }
}

async fn ledger(folder: &TempDir, rng: &mut StdRng) -> (Ledger, RunId) {
    let keys = KeyRing::generate("k1", rng);
    let clock = Arc::new(SystemClock::start());
    let ledger = Ledger::open(&folder.path().join("ferry.db"), keys, clock).await;
    let ledger = ledger.expect("a fresh ledger");
    let source = RunSource {
        name: "spring".to_owned(),
        location: "spring.csv".to_owned(),
        digest: [7; 32],
    };
    let run = ledger.begin_run(&source).await.expect("a run").id;
    let rows = (1..=SESSIONS).map(visitor).collect();
    ledger.register(run, rows, rng).await.expect("registered");
    ledger.end_registering(run).await.expect("an active run");
    (ledger, run)
}

/// A visitor whose token never ends.
fn visitor(number: u64) -> ExportRow {
    ExportRow::Session(Box::new(LegacySession {
        source_row: number,
        access_token: SecretString::default(),
        organization: "acme".to_owned(),
        stable_id: format!("visitor-{number}").into(),
        facts: SessionFacts {
            subject: Some(format!("auth0|visitor-{number}")),
            email: Some(format!("visitor-{number}@example.com")),
            name: None,
            external_id: None,
            token_expires_at: Timestamp::NEVER,
            clock: SessionClock::default(),
        },
        custom_claims: None,
    }))
}
