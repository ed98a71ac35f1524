//! A crossing with the ledger on PostgreSQL and the queue on RabbitMQ.

use ferry_core::books::Books;
use ferry_ledger::due::{Due, DueCursor};
use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, PostgresSettings, PostgresUrl};
use ferry_queue::{AmqpUrl, Message, Queue, Settings};
use ferry_sim::{Faults, Population};
use ferry_testbed::{
    FreshDatabase, SharedBroker, SharedPostgres, fresh_database, shared_broker, shared_postgres,
};
use lapin::options::QueueDeleteOptions;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, ConnectionProperties};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

use super::{Audit, Crossing, Outcome, Servers};

/// A crossing, and the servers that its processes share.
pub(crate) struct Fleet {
    pub(crate) crossing: Crossing,
    /// The ledger's database. Change it to send processes through a proxy.
    pub(crate) ledger_url: String,
    /// The broker. Change it to send processes through a proxy.
    pub(crate) queue_url: String,
    /// Settings of all processes from now on, as variables of the environment.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
    prefix: String,
    keys: KeyRing,
    servers: Option<(FreshDatabase, SharedPostgres, Queues, SharedBroker)>,
}

/// The queues of a fleet. Each takes some of the broker's memory and files, so they go with it.
struct Queues {
    broker: String,
    prefix: String,
}

impl Drop for Queues {
    fn drop(&mut self) {
        let Self { broker, prefix } = self;
        let delete = async || -> lapin::Result<()> {
            let connection =
                lapin::Connection::connect(broker, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            for queue in ["work", "dead"] {
                let name = format!("{prefix}.v1.{queue}");
                let options = QueueDeleteOptions::default();
                channel.queue_delete(name.into(), options).await?;
            }
            connection.close(200, "".into()).await
        };
        // From within the test's runtime, which cannot wait here.
        std::thread::scope(|scope| {
            scope.spawn(|| tokio::runtime::Runtime::new().map(|r| r.block_on(delete())));
        });
    }
}

impl Fleet {
    /// On the servers that all tests share: a database and names of its own.
    pub(crate) async fn new(population: Population, faults: Faults) -> Self {
        let broker = shared_broker().await;
        let broker = broker.unwrap_or_else(|none| panic!("{none}"));
        let postgres = shared_postgres().await;
        let postgres = postgres.unwrap_or_else(|none| panic!("{none}"));
        let database = fresh_database(&postgres.url).await;
        let database = database.unwrap_or_else(|error| panic!("{error}"));
        let (ledger_url, queue_url) = (database.url.clone(), broker.url.clone());
        let mut fleet = Self::on(population, faults, ledger_url, queue_url).await;
        let queues = Queues {
            broker: broker.url.clone(),
            prefix: fleet.prefix.clone(),
        };
        fleet.servers = Some((database, postgres, queues, broker));
        fleet
    }

    /// On servers that are this test's alone.
    pub(crate) async fn on_private(
        population: Population,
        faults: Faults,
        servers: &Servers,
    ) -> Self {
        let (ledger_url, queue_url) = (servers.postgres.url(), servers.broker.url());
        Self::on(population, faults, ledger_url, queue_url).await
    }

    /// On these servers.
    pub(crate) async fn on(
        population: Population,
        faults: Faults,
        ledger_url: String,
        queue_url: String,
    ) -> Self {
        let mut rng = StdRng::try_from_rng(&mut SysRng).unwrap();
        Self {
            crossing: Crossing::new(population, faults).await,
            ledger_url,
            queue_url,
            settings: Vec::new(),
            prefix: format!("test-{:016x}", rng.next_u64()),
            keys: KeyRing::generate("k1", &mut rng),
            servers: None,
        }
    }

    /// The binary with these arguments, as one process of the fleet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.crossing.command(arguments);
        command
            .env("FERRY_LEDGER__URL", &self.ledger_url)
            .env("FERRY_QUEUE__URL", &self.queue_url)
            .env("FERRY_QUEUE__PREFIX", &self.prefix)
            .env("FERRY_DATA__KEYS", self.keys.to_text().as_str())
            .env("FERRY_RATES__STYTCH", "unlimited")
            .envs(self.settings.iter().copied());
        command
    }

    /// What its queues' names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// `ferry enqueue` of the export, as the run `test`.
    pub(crate) fn enqueue_command(&self) -> Command {
        self.command(&["enqueue", "sessions.csv", "--run", "test", "--json"])
    }

    /// Enqueues the export.
    pub(crate) async fn enqueue(&self) -> Outcome {
        let outcome = Outcome::of(self.enqueue_command()).await;
        outcome.assert_says(0, &[]);
        outcome
    }

    /// `ferry work`, until nothing is left.
    pub(crate) fn work_command(&self) -> Command {
        self.command(&["work", "--until-empty"])
    }

    /// One worker carries all that is left.
    pub(crate) async fn work(&self) {
        Outcome::of(self.work_command()).await.assert_says(0, &[]);
    }

    /// The run as `ferry status` tells it.
    pub(crate) async fn status(&self) -> Outcome {
        let outcome = Outcome::of(self.command(&["status", "test", "--json"])).await;
        outcome.assert_says(0, &[]);
        outcome
    }

    /// The key ring, as its processes get it.
    pub(crate) fn keys(&self) -> String {
        self.keys.to_text().to_string()
    }

    /// The ledger, past the binary.
    pub(crate) async fn ledger(&self) -> Ledger {
        let url = PostgresUrl::parse(&self.ledger_url).unwrap();
        let keys = KeyRing::parse(self.keys.to_text().as_str()).unwrap();
        let ledger = Ledger::connect(PostgresSettings::new(url), keys).await;
        ledger.expect("a ledger")
    }

    /// The books of the run, past the binary: at once.
    pub(crate) async fn books(&self, ledger: &Ledger) -> Books {
        let run = ledger.run("test").await.expect("the run");
        ledger.books(run.id).await.expect("books")
    }

    /// The queue, past the binary.
    pub(crate) async fn queue(&self) -> Queue {
        let settings = Settings {
            prefix: self.prefix.clone(),
            ..Settings::new(AmqpUrl::parse(&self.queue_url).unwrap())
        };
        let mut rng = StdRng::try_from_rng(&mut SysRng).unwrap();
        let queue = Queue::connect(settings, &mut rng).await;
        queue.expect("a queue")
    }

    /// Puts a message of this type into the work queue, past the queue.
    pub(crate) async fn publish(&self, kind: Option<&str>, body: &str) {
        self.publish_to("work", kind, body).await;
    }

    /// Puts a message of this type into the work queue or the dead-letter queue, past the queue.
    pub(crate) async fn publish_to(&self, queue: &str, kind: Option<&str>, body: &str) {
        let connecting =
            lapin::Connection::connect(&self.queue_url, ConnectionProperties::default());
        let connection = connecting.await.expect("a broker");
        let channel = connection.create_channel().await.expect("a channel");
        let properties = BasicProperties::default();
        let properties = match kind {
            Some(kind) => properties.with_type(kind.into()),
            None => properties,
        };
        let exchange = format!("{}.v1", self.prefix);
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("confirms");
        let publishing = channel.basic_publish(
            exchange.into(),
            queue.into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            properties,
        );
        let confirmed = publishing.await.expect("published").await;
        assert!(confirmed.expect("confirmed").is_ack());
    }

    /// The ledger's tables, past the ledger.
    pub(crate) async fn tables(&self) -> PgConnection {
        let connection = PgConnection::connect(&self.ledger_url).await;
        connection.expect("a database")
    }

    /// A message for each session of the run `test` that is due.
    pub(crate) async fn due(&self) -> Vec<Message> {
        let ledger = self.ledger().await;
        let run = ledger.run("test").await.expect("a run").id;
        let mut from_the_head = DueCursor::default();
        let due = ledger.due(run, &mut from_the_head, u32::MAX).await;
        ledger.close().await;
        let message = |due: Due| Message {
            run,
            session: due.session,
        };
        due.expect("sessions").into_iter().map(message).collect()
    }

    /// Every session final, one alive for each that was migrated, none besides, books balanced.
    pub(crate) async fn assert_all_crossed(&self) {
        let ledger = self.ledger().await;
        let audit = Audit::take(&self.crossing.simulator, &ledger).await;
        ledger.close().await;
        self.crossing.assert_crossed(&self.status().await, &audit);
    }
}
