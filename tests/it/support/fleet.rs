//! A crossing with the ledger on PostgreSQL and the queue on RabbitMQ.

use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, PostgresSettings, PostgresUrl};
use ferry_sim::{Faults, Population};
use ferry_testbed::{
    FreshDatabase, SharedBroker, SharedPostgres, fresh_database, shared_broker, shared_postgres,
};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use tokio::process::Command;

use super::{Audit, Crossing, Outcome};

/// A crossing, and the servers that its processes share.
pub(crate) struct Fleet {
    pub(crate) crossing: Crossing,
    /// The ledger's database. Change it to send processes through a proxy.
    pub(crate) ledger_url: String,
    /// The broker. Change it to send processes through a proxy.
    pub(crate) queue_url: String,
    prefix: String,
    keys: KeyRing,
    _shared: Option<(FreshDatabase, SharedPostgres, SharedBroker)>,
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
        Self {
            _shared: Some((database, postgres, broker)),
            ..Self::on(population, faults, ledger_url, queue_url).await
        }
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
            prefix: format!("test-{:016x}", rng.next_u64()),
            keys: KeyRing::generate("k1", &mut rng),
            _shared: None,
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
            .env("FERRY_RATES__STYTCH", "unlimited");
        command
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

    /// The ledger, past the binary.
    pub(crate) async fn ledger(&self) -> Ledger {
        let url = PostgresUrl::parse(&self.ledger_url).unwrap();
        let keys = KeyRing::parse(self.keys.to_text().as_str()).unwrap();
        let ledger = Ledger::connect(PostgresSettings::new(url), keys).await;
        ledger.expect("a ledger")
    }

    /// Every session final, one alive for each that was migrated, none besides, books balanced.
    pub(crate) async fn assert_all_crossed(&self) {
        let ledger = self.ledger().await;
        let audit = Audit::take(&self.crossing.simulator, &ledger).await;
        ledger.close().await;
        self.crossing.assert_crossed(&self.status().await, &audit);
    }
}
