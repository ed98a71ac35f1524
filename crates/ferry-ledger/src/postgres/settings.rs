//! Where the server is, and how long it may take.

use std::fmt;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// How to connect to the ledger on PostgreSQL.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// Where it is, and who connects.
    pub url: PostgresUrl,
    /// How many connections at most, from 1. Default: 4.
    pub connections: u32,
    /// The server ends a statement that takes longer. Default: 30 s. What reads whole tables for a
    /// report may take ten minutes.
    pub statement_timeout: Duration,
    /// A statement fails that waits longer for a lock. Default: 10 s.
    pub lock_timeout: Duration,
    /// The server ends a connection whose transaction does nothing for longer: what a process held
    /// that is gone is free again after this time. Default: 30 s.
    pub idle_in_transaction_timeout: Duration,
    /// How long to wait for a free or a new connection. Default: 10 s.
    pub acquire_timeout: Duration,
    /// Certificates (PEM) to trust beside the system's, where the URL asks for `sslmode=verify-ca`
    /// or `verify-full`. The URL's own `sslrootcert`, a path, does the same.
    pub ca_certificate: Option<Vec<u8>>,
}

/// A server that has not heard of a client asks whether it is there after 15 s of silence, and gives
/// it up 15 s later, with the locks it held.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
];

impl PostgresSettings {
    /// The defaults.
    pub fn new(url: PostgresUrl) -> Self {
        Self {
            url,
            connections: 4,
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(10),
            ca_certificate: None,
        }
    }

    pub(super) fn connect_options(&self) -> PgConnectOptions {
        let timeouts = [
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
            (
                "idle_in_transaction_session_timeout",
                self.idle_in_transaction_timeout,
            ),
        ];
        let timeouts = timeouts.map(|(name, time)| (name, format!("{}ms", time.as_millis())));
        let options = self.url.0.clone();
        let options = options
            .application_name("ferry")
            .options(timeouts)
            .options(KEEPALIVE)
            // What was acknowledged survives a crash, whatever the server's default is.
            .options([("synchronous_commit", "on")])
            .log_statements(tracing::log::LevelFilter::Trace)
            // A busy server is no news to the operator, and a statement's text no help.
            .log_slow_statements(tracing::log::LevelFilter::Debug, Duration::from_secs(1));
        match &self.ca_certificate {
            Some(pem) => options.ssl_root_cert_from_pem(pem.clone()),
            None => options,
        }
    }
}

/// A `postgres://` or `postgresql://` URL. Shown without user and password.
#[derive(Clone)]
pub struct PostgresUrl(PgConnectOptions);

/// Text that is no such URL. Never holds the text: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// No URL at all.
    #[error(
        "the ledger's URL cannot be read ({0}): write postgres://user:password@host:5432/database"
    )]
    NotAUrl(url::ParseError),
    /// Of something else.
    #[error("the ledger's URL must begin with postgres:// or postgresql://")]
    Scheme,
    /// A parameter that does not exist, or has no effect.
    #[error("the ledger's URL has a parameter that is not known, the {position}. one: known are {}", KNOWN.join(", "))]
    UnknownParameter {
        /// Which one, from 1.
        position: usize,
    },
    /// A known parameter with a value that it cannot have.
    #[error(
        "the ledger's URL has a port, sslmode or other parameter with a value that it cannot have"
    )]
    Value,
}

/// Parameters that have an effect. Others are refused: a misspelt one may hold a password, and
/// nobody would hear that it is not heeded.
const KNOWN: [&str; 9] = [
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
];

impl PostgresUrl {
    /// Reads a URL. What it leaves open comes from PostgreSQL's usual places (`PGHOST`, `PGPASSWORD`,
    /// `~/.pgpass` and so on).
    pub fn parse(text: &str) -> Result<Self, PostgresUrlError> {
        let url = Url::parse(text).map_err(PostgresUrlError::NotAUrl)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(PostgresUrlError::Scheme);
        }
        let unknown = url
            .query_pairs()
            .position(|(name, _)| !KNOWN.contains(&&*name));
        if let Some(before) = unknown {
            return Err(PostgresUrlError::UnknownParameter {
                position: before + 1,
            });
        }
        let options = PgConnectOptions::from_url(&url).map_err(|_| PostgresUrlError::Value)?;
        Ok(Self(options))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.0.get_host(), self.0.get_port());
        let database = self.0.get_database().unwrap_or_default();
        match self.0.get_socket() {
            Some(socket) => write!(f, "postgres://…@{}:{port}/{database}", socket.display()),
            None => write!(f, "postgres://…@{host}:{port}/{database}"),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://mallory:hunter2@db.example.com:6432/ferry?sslmode=verify-full";

    #[test]
    fn a_url_is_shown_without_user_and_password() {
        for scheme in ["postgres", "postgresql"] {
            let url = PostgresUrl::parse(&URL.replace("postgres:", &format!("{scheme}:"))).unwrap();
            let settings = PostgresSettings::new(url.clone());
            for shown in [url.to_string(), format!("{url:?}"), format!("{settings:?}")] {
                assert!(shown.contains("db.example.com:6432/ferry"), "{shown}");
                assert!(
                    !shown.contains("mallory") && !shown.contains("hunter2"),
                    "{shown}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_such_url_is_refused_without_repeating_it() {
        let refused = [
            URL.replace("postgres:", "mysql:"),
            URL.replace("6432", "hunter2"),
            URL.replace("verify-full", "hunter2"),
            URL.replace("sslmode", "hunter2"),
            "hunter2".to_owned(),
            String::new(),
        ];
        for text in refused {
            let told = PostgresUrl::parse(&text).unwrap_err();
            let told = format!("{told} {told:?}");
            assert!(
                !told.contains("hunter2") && !told.contains("mallory"),
                "{told}"
            );
        }
    }
}
