//! No secret lies in the files of the broker or of the database, nor in a log at its finest.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use ferry_ledger::Ledger;
use ferry_sim::{Faults, Population};
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, PgConnection};
use url::Url;

use super::faults_but_429;
use crate::secrecy::{encodings, files_below};
use crate::support::{Fleet, Kept, Outcome, Servers};

/// The broker's password: the one that it ships with is a word that everybody uses.
const PASSWORD: &str = "password-of-the-broker-4711";

/// How every JWT begins, those of Stytch among them: `{"alg":` in base64.
const JWT: &str = "eyJhbGciOi";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_lies_in_the_files_of_a_fleets_servers_or_in_a_log_at_trace_level() {
    // The database logs each statement with what is bound to it.
    let servers = Servers::start_with("log_statement = 'all'\nlog_parameter_max_length = -1");
    let faults = Faults {
        html_ok: 0.02,
        no_session_token: 0.02,
        cut_in_reply: 0.02,
        wrong_identity: 0.02,
        ..faults_but_429(80)
    };
    let mut fleet = Fleet::on_private(Population::realistic(600, 80), faults, &servers).await;
    fleet.queue_url = url_of_a_user(&servers);
    let mut enqueue = fleet.enqueue_command();
    enqueue.env("RUST_LOG", "trace");
    let enqueued = Outcome::of(enqueue).await;
    enqueued.assert_says(0, &["TRACE"]);
    let fleet = Arc::new(fleet);
    let trace = [("RUST_LOG", "trace")];
    let work = ["work", "--until-empty", "--rate", "120"];
    let mut workers = ["one", "two"].map(|name| Kept::start_with(&fleet, name, &work, &trace));
    workers[0].until(fleet.crossing.until_minted(150)).await;

    let ledger = fleet.ledger().await;
    // While tokens are under way.
    let secrets = Secrets::of(&fleet, &ledger).await;
    assert!(fleet.books(&ledger).await.queued > 0, "too late");
    secrets.assert_not_at_rest(&fleet, &servers).await;
    for worker in &mut workers {
        assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    }
    // When all have crossed.
    assert_eq!(fleet.books(&ledger).await.open(), 0);
    let secrets = Secrets::of(&fleet, &ledger).await;
    secrets.assert_not_at_rest(&fleet, &servers).await;
    ledger.close().await;
    for log in [enqueued.standard_error, workers[0].log(), workers[1].log()] {
        assert!(log.contains("TRACE"), "the log is at its finest");
        secrets.assert_not_in("a log", log.as_bytes());
        for password in [PASSWORD, &password(&fleet.ledger_url)] {
            assert!(!log.contains(password), "a password is in a log");
        }
    }
}

/// Some of each kind, in every encoding.
struct Secrets(AhoCorasick);

impl Secrets {
    async fn of(fleet: &Fleet, ledger: &Ledger) -> Self {
        let export = fs::read_to_string(fleet.crossing.export()).unwrap();
        let mut secrets = vec![
            JWT.to_owned(),
            fleet.crossing.simulator.credentials().secret.clone(),
        ];
        let keys = fleet.keys();
        secrets.extend(
            keys.split_whitespace()
                .filter(|w| w.len() > 20)
                .map(str::to_owned),
        );
        let rows = export
            .lines()
            .skip(1)
            .map(|row| row.split(',').collect::<Vec<_>>());
        let mut minted_tokens = 0;
        for row in rows.filter(|row| row[0].len() > 60).step_by(13) {
            // Its signature: nothing but the token holds it.
            secrets.push(row[0][row[0].len() - 40..].to_owned());
            let minted = ledger.lookup(&SecretString::from(row[2]), row[1]).await;
            if let Some((_, token)) = minted.expect("a ledger") {
                secrets.push(token.expose_secret().to_owned());
                minted_tokens += 1;
            }
        }
        assert!(minted_tokens > 0, "of {} secrets", secrets.len());
        let encoded = secrets.iter().flat_map(|secret| encodings(secret));
        Self(AhoCorasick::new(encoded).expect("few enough"))
    }

    async fn assert_not_at_rest(&self, fleet: &Fleet, servers: &Servers) {
        let database = PgConnection::connect(&servers.postgres.url()).await;
        let mut database = database.expect("a database");
        sqlx::query("CHECKPOINT")
            .execute(&mut database)
            .await
            .unwrap();
        database.close().await.unwrap();
        // What must be there shows that the search would have found the rest.
        let organization = fleet.crossing.simulator.population().organization(0);
        let organization = organization.organization_id;
        let found = self.search(servers.postgres.folder(), &organization);
        for place in ["data/base", "data/pg_wal", "output"] {
            assert!(
                is_below(&found, place),
                "{organization} is not in {place}: {found:?}"
            );
        }
        let data = servers.broker.data();
        let folder = data.parent().expect("a folder");
        let found = self.search(folder, "\"session\":");
        assert!(is_below(&found, "data"), "no message is found: {found:?}");
    }

    /// The files that hold what must be there; none of them holds a secret.
    fn search(&self, folder: &Path, must_be_there: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for file in files_below(folder) {
            // Servers that run take files away.
            let Ok(bytes) = fs::read(&file) else { continue };
            let name = file.strip_prefix(folder).unwrap().display().to_string();
            self.assert_not_in(&name, &bytes);
            if memmem::find(&bytes, must_be_there.as_bytes()).is_some() {
                found.insert(name);
            }
        }
        found
    }

    fn assert_not_in(&self, place: &str, bytes: &[u8]) {
        assert!(!self.0.is_match(bytes), "a secret is in {place}");
    }
}

fn is_below(files: &BTreeSet<String>, place: &str) -> bool {
    files.iter().any(|file| file.starts_with(place))
}

/// The broker's, with a user of our own.
fn url_of_a_user(servers: &Servers) -> String {
    let control = |arguments: &[&str]| servers.broker.control(arguments).unwrap();
    control(&["add_user", "carrier", PASSWORD]);
    control(&["set_permissions", "carrier", ".*", ".*", ".*"]);
    let mut url = Url::parse(&servers.broker.url()).unwrap();
    url.set_username("carrier").unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    url.into()
}

fn password(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    url.password().expect("a password").to_owned()
}
