//! A database of one's own on a PostgreSQL server, in which time stands still until it is moved.

use std::sync::Arc;

use ferry_core::budget::Moment;
use ferry_ledger::{Ledger, PostgresSettings, PostgresUrl};
use rand::Rng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use crate::backends::keys;
use crate::clock::NOON;

/// Names a server for tests: its superuser makes a database for each.
const URL_VARIABLE: &str = "TEST_POSTGRES_URL";

/// Keeps two processes from making the same template.
const TEMPLATE_LOCK: &str = "SELECT pg_advisory_lock(7373)";
const TEMPLATE_UNLOCK: &str = "SELECT pg_advisory_unlock(7373)";

/// Time that stands still. The ledger asks `ferry_now_micros`, whatever it is, and `ferry_now`, which
/// is the same.
const CLOCK: &str = "CREATE TABLE test_clock (now bigint NOT NULL);
    CREATE OR REPLACE FUNCTION ferry_now_micros() RETURNS bigint LANGUAGE sql VOLATILE
        AS 'SELECT now FROM test_clock'";

/// A database, dropped with the last clone.
#[derive(Clone)]
pub(crate) struct Server(Arc<Database>);

struct Database {
    /// Of the database for administrators.
    admin: Url,
    name: String,
}

impl Server {
    /// An empty ledger, at noon.
    pub(crate) async fn fresh() -> Self {
        let server = Self::empty_name();
        let mut connection = connect(&server.0.admin).await;
        let template = format!("ferry_template_{}", digest());
        if !is_known(&mut connection, &template).await {
            make_template(&mut connection, &server.0.admin, &template).await;
        }
        let create = format!("CREATE DATABASE {} TEMPLATE {template}", server.0.name);
        run(&mut connection, create).await;
        server
    }

    /// A database without a ledger, in which time goes on.
    pub(crate) async fn empty() -> Self {
        let server = Self::empty_name();
        let mut connection = connect(&server.0.admin).await;
        run(
            &mut connection,
            format!("CREATE DATABASE {}", server.0.name),
        )
        .await;
        server
    }

    fn empty_name() -> Self {
        let url = std::env::var(URL_VARIABLE)
            .unwrap_or_else(|_| panic!("{URL_VARIABLE} names no PostgreSQL server: start one, and give postgres://user:password@host:port/postgres"));
        let mut random = [0; 8];
        rand::make_rng::<StdRng>().fill_bytes(&mut random);
        Self(Arc::new(Database {
            admin: Url::parse(&url).expect("a URL"),
            name: format!("ferry_{}", hex::encode(random)),
        }))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> Url {
        at(&self.0.admin, &self.0.name)
    }

    pub(crate) fn settings(&self) -> PostgresSettings {
        PostgresSettings::new(PostgresUrl::parse(self.url().as_str()).expect("a URL"))
    }

    /// A connection that the ledger does not know of.
    pub(crate) async fn connect(&self) -> PgConnection {
        connect(&self.url()).await
    }

    pub(crate) fn set_clock(&self, now: Moment) {
        apart(async {
            let set = format!("UPDATE test_clock SET now = {}", now.as_micros());
            run(&mut self.connect().await, set).await;
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        apart(async {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            run(&mut connect(&self.admin).await, drop).await;
        });
    }
}

async fn is_known(connection: &mut PgConnection, name: &str) -> bool {
    let known = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)");
    let known = known.bind(name).fetch_one(connection).await;
    known.expect("the list of databases")
}

/// The database that fresh ones are copies of: migrating each anew takes longer than most cases.
async fn make_template(connection: &mut PgConnection, admin: &Url, name: &str) {
    run(connection, TEMPLATE_LOCK.to_owned()).await;
    if !is_known(connection, name).await {
        let unfinished = format!("{name}_unfinished");
        for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            run(connection, format!("{statement} {unfinished}")).await;
        }
        let url = at(admin, &unfinished);
        let settings = PostgresSettings::new(PostgresUrl::parse(url.as_str()).expect("a URL"));
        let ledger = Ledger::connect(settings, keys()).await;
        ledger.expect("an empty database").close().await;
        let mut inside = connect(&url).await;
        run(&mut inside, CLOCK.to_owned()).await;
        let noon = format!(
            "INSERT INTO test_clock VALUES ({})",
            Moment::from(NOON).as_micros()
        );
        run(&mut inside, noon).await;
        inside.close().await.expect("closed");
        let rename = format!("ALTER DATABASE {unfinished} RENAME TO {name}");
        run(connection, rename).await;
    }
    run(connection, TEMPLATE_UNLOCK.to_owned()).await;
}

/// Tells one version of the schema from others.
fn digest() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres");
    let files = std::fs::read_dir(folder).expect("the migrations");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort_unstable();
    let mut digest = Sha256::new_with_prefix(CLOCK);
    for path in paths {
        digest.update(std::fs::read(path).expect("a migration"));
    }
    hex::encode(&digest.finalize()[..8])
}

fn at(admin: &Url, database: &str) -> Url {
    let mut url = admin.clone();
    url.set_path(database);
    url
}

async fn connect(url: &Url) -> PgConnection {
    let connection = PgConnection::connect(url.as_str()).await;
    connection
        .unwrap_or_else(|error| panic!("{URL_VARIABLE} names a server that is not there: {error}"))
}

async fn run(connection: &mut PgConnection, statement: String) {
    let done = connection.execute(AssertSqlSafe(statement)).await;
    done.expect("a statement of the test's own");
}

/// Does it on a thread and runtime of its own and waits, for who cannot await.
fn apart(work: impl Future<Output = ()> + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(work);
        });
        thread.join().expect("done");
    });
}
