//! The configuration: one typed `ferry.toml`, the environment, and flags over both.
//!
//! The doc comments of the fields are the documentation: `ferry config reference` prints them, and
//! a test holds `docs/configuration.md` to it.

mod duration;
mod env_file;
mod legacy;
mod load;
mod rate;
mod rates;
mod reference;
mod secret;
mod show;

use std::net::SocketAddr;
use std::path::PathBuf;

use ferry_core::session::LONGEST_GRANT_MINUTES;
use ferry_producer::source::{Columns, Delimiter, Format};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use duration::Period;
pub(crate) use env_file::Environment;
pub(crate) use legacy::Legacy;
pub(crate) use load::{Loaded, Overrides, load};
pub(crate) use rate::Rate;
pub(crate) use rates::{Rates, RatesInForce};
pub(crate) use reference::reference;
pub(crate) use secret::{Secret, ServiceUrl};
pub(crate) use show::{show, shown};

/// Ferry's settings. Unknown names are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The project that sessions are carried to.
    pub(crate) stytch: Stytch,
    /// The provider that sessions come from.
    pub(crate) legacy: Legacy,
    /// How fast.
    pub(crate) rates: Rates,
    /// How the worker works.
    pub(crate) worker: Worker,
    /// When and how often a failed call is made again.
    pub(crate) retry: Retry,
    /// How long a minted session lives.
    pub(crate) sessions: Sessions,
    /// How exports are read.
    pub(crate) export: Export,
    /// Where Ferry keeps its own files.
    pub(crate) data: Data,
    /// The ledger of a fleet.
    pub(crate) ledger: Ledger,
    /// The queue of a fleet.
    pub(crate) queue: Queue,
    /// Whether this process is well, for who watches over it.
    pub(crate) health: Health,
    /// How long secrets are kept that are of no more use.
    pub(crate) retention: Retention,
    /// What is logged, and how.
    pub(crate) log: Log,
}

/// The project that sessions are carried to.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stytch {
    /// `project-test-…` or `project-live-…`, from the Stytch Dashboard. Best kept in `.env.test` or
    /// `.env.live`, beside its secret.
    pub(crate) project_id: String,
    /// `secret-test-…` or `secret-live-…`. Only from the environment, `.env.test` or `.env.live`;
    /// refused in `ferry.toml`.
    pub(crate) secret: Secret,
    /// Which API the project uses: `b2b` (members in organizations) or `consumer` (users).
    pub(crate) api: Api,
    /// Another address of the API: a custom domain (`https://`), or a simulator on loopback. Unset:
    /// `https://test.stytch.com` or `https://api.stytch.com`, by the project id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    /// How long a call may take, connecting included. 1s to 60s. Longer lets slow calls succeed,
    /// and keeps their place among the calls in flight.
    pub(crate) call_timeout: Period<10_000>,
    /// What becomes of a session whose person has no member (Consumer: no user) at Stytch. `require`:
    /// it is dead as `member_missing`. `create`: a member is made of the row's email, name and
    /// external id, once for each person, and the session is tried again; a row without an email is
    /// dead as before. The email must be the one that the legacy provider's UserInfo names: if not,
    /// the session ends as `member_missing` after `retry.max_attempts`, and the member stays.
    pub(crate) members: Members,
}

/// What becomes of a session whose person has no member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Members {
    /// It is dead.
    #[default]
    Require,
    /// A member is created.
    Create,
}

/// Which of Stytch's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Api {
    /// Members in organizations.
    #[default]
    B2b,
    /// Users.
    Consumer,
}

/// How the worker works.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Worker {
    /// Calls in flight at once, 1 to 1024. The rate divided by this is the slowest reply that the
    /// rate survives: 65/s and 64 calls stand replies of one second.
    pub(crate) concurrency: u32,
    /// How long a worker holds a session before another may take it over. At least twice the call
    /// timeout. Longer delays what a crashed worker left behind.
    pub(crate) lease: Period<30_000>,
    /// After a call of unknown outcome, the sweeper waits so long before it looks at Stytch for
    /// what the call may have minted. Keep it 20s above the call timeout: what is minted after the
    /// look is found by the second look only.
    pub(crate) quiet: Period<30_000>,
    /// So much later the sweeper looks a second time.
    pub(crate) second_look: Period<600_000>,
    /// How often `ferry work` looks for the member of each parked session (`ferry dead park`), twice a
    /// second at the most. Shorter costs calls.
    pub(crate) parked_look: Period<600_000>,
}

/// When and how often a failed call is made again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retry {
    /// The first wait is drawn between zero and this; the bound doubles with each failure.
    pub(crate) base: Period<1_000>,
    /// The bound on a wait never grows beyond this.
    pub(crate) cap: Period<300_000>,
    /// So many failed calls make a dead letter, 1 to 100. Being told to wait (429), not reaching
    /// Stytch and crashes of Ferry do not count.
    pub(crate) max_attempts: u32,
    /// So many calls of unknown outcome (cut replies, crashes) make a dead letter, 1 to 1000.
    pub(crate) max_unknown_outcomes: u32,
    /// If Stytch asks to wait longer than this, the run pauses.
    pub(crate) longest_retry_after: Period<3_600_000>,
}

/// How long a minted session lives.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sessions {
    /// The lifetime of a session whose row gives no end (`session_expires_at`, or `idle_timeout`
    /// with `last_active_at`). Unset: such rows are rejected. Never longer than your policy: a
    /// guess here can let people stay in who should be out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_lifetime: Option<Period<0>>,
    /// The longest session that the Stytch project allows, in minutes, 5 to 527040.
    pub(crate) cap_minutes: u32,
}

/// How exports are read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Export {
    /// Which column holds what.
    pub(crate) columns: Columns,
    /// `csv` or `ndjson`. Unset: NDJSON if the export begins with `{` or its name says so (`.ndjson`,
    /// `.jsonl`, `.json`), else CSV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<Format>,
    /// What parts the fields of a CSV: `comma`, `semicolon`, `tab` or `pipe`. Unset: one of the
    /// first three, whichever its header uses most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<Delimiter>,
    /// Make the legacy key from the access token instead of a session id. Tokens are replaced at
    /// each refresh, and then the mapping is never found again: only for stores without any id.
    pub(crate) key_from_token: bool,
    /// A JWT access token must list this audience. Unset: one that ends in `/userinfo`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<String>,
    /// A JWT access token that names its scopes must have all of these.
    pub(crate) required_scopes: Vec<String>,
}

/// Where Ferry keeps its own files.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Data {
    /// The folder of the ledger, the key ring and the rejects files. One process at a time works
    /// on it.
    pub(crate) folder: PathBuf,
    /// The key ring: lines `seal ID KEY` and `lookup KEY`, keys being 32 bytes in base64, parted by
    /// line ends or `;`. Only from the environment. Unset: `keys_file`; without that, the file
    /// `keys` in the data folder, made at the first run with mode 0600. A fleet needs one of the
    /// first two, the same for all its processes: `ferry keys generate` makes one.
    #[serde(skip_serializing_if = "Secret::is_unset")]
    pub(crate) keys: Secret,
    /// A file that holds the key ring, such as a secret that is mounted into a container. A file of
    /// Ferry's own user must be readable by nobody else (mode 0600 or 0400); any other may be
    /// written by its owner only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keys_file: Option<PathBuf>,
}

/// The ledger of a fleet: a PostgreSQL database that all processes share. Unset: the SQLite file of
/// the data folder, for one machine. Set it together with `[queue]`, or neither.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ledger {
    /// `postgres://user:password@host:5432/database`. Only from the environment, `.env.test` or
    /// `.env.live`; refused in `ferry.toml`.
    #[serde(skip_serializing_if = "ServiceUrl::is_unset")]
    pub(crate) url: ServiceUrl,
    /// A PEM file of CA certificates to trust for the database, besides the system's. For a URL with
    /// `?sslmode=verify-full` (or `verify-ca`) only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// Connections to the database that each process opens at the most, 2 to 64. All processes
    /// together must stay below the server's `max_connections`.
    pub(crate) connections: u32,
}

/// The queue of a fleet: a RabbitMQ broker, that tells workers what is due. Unset: a queue in this
/// process. Set it together with `[ledger]`, or neither.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Queue {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://`. Only from the environment,
    /// `.env.test` or `.env.live`; refused in `ferry.toml`.
    #[serde(skip_serializing_if = "ServiceUrl::is_unset")]
    pub(crate) url: ServiceUrl,
    /// A PEM file of CA certificates to trust for the broker, besides the system's. For `amqps://`
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// What the names of Ferry's queues begin with: 1 to 100 letters, digits, dots, dashes or
    /// underscores. Two ledgers on one virtual host need two.
    pub(crate) prefix: String,
}

/// Whether this process is well, for who watches over it: `GET /healthz` (200 while it runs) and
/// `GET /readyz` (200 while ledger and queue answer, else 503); and `GET /metrics` for Prometheus
/// ([metrics.md](metrics.md)), which tells names of runs and numbers of sessions, and no user. By plain
/// HTTP, to everybody who can reach it: keep to loopback, or to a network of your own. An answer
/// takes 2s at the most: let probes wait for 3s.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Health {
    /// Address and port to listen on, such as `0.0.0.0:9090`. Unset: nobody is answered.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "socket_address"
    )]
    #[schemars(with = "Option<String>")]
    pub(crate) listen: Option<SocketAddr>,
}

fn socket_address<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    // Not the text: it may be a secret in the wrong place.
    let wanted = "want an address and a port: \"0.0.0.0:9090\", or \"127.0.0.1:9090\"";
    String::deserialize(deserializer)
        .ok()
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom(wanted))
}

/// How long secrets are kept that are of no more use. `ferry purge` wipes them; run it by a timer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    /// The access token of a dead session goes so long after it died, or once it has expired. Until
    /// then the session can be replayed.
    pub(crate) dead_tokens: Period<604_800_000>,
    /// The session token of a mapping goes so long after its Stytch session has ended; the ids of
    /// the mapping stay.
    pub(crate) mappings: Period<2_592_000_000>,
}

/// What is logged, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `human` or `json`, to standard error. `RUST_LOG` sets the level, `info` if unset.
    pub(crate) format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            concurrency: 64,
            lease: Period::default(),
            quiet: Period::default(),
            second_look: Period::default(),
            parked_look: Period::default(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            base: Period::default(),
            cap: Period::default(),
            max_attempts: 8,
            max_unknown_outcomes: 40,
            longest_retry_after: Period::default(),
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            default_lifetime: None,
            cap_minutes: LONGEST_GRANT_MINUTES,
        }
    }
}

impl Default for Export {
    fn default() -> Self {
        let rules = ferry_producer::source::Rules::default();
        Self {
            columns: Columns::default(),
            format: None,
            delimiter: None,
            key_from_token: rules.key_from_token,
            audience: rules.audience,
            required_scopes: rules.required_scopes,
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("ferry-data"),
            keys: Secret::default(),
            keys_file: None,
        }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            url: ServiceUrl::default(),
            ca_certificate: None,
            connections: 4,
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            url: ServiceUrl::default(),
            ca_certificate: None,
            prefix: "ferry".to_owned(),
        }
    }
}
