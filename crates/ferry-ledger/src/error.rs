//! What can go wrong with the ledger, and what to do about it.

use ferry_core::id::RunId;
use sqlx::postgres::PgDatabaseError;

/// A failure of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database failed.
    #[error("the ledger's database failed: {0}")]
    Driver(#[source] sqlx::Error),
    /// PostgreSQL is not there, or goes away at this moment.
    #[error("the ledger's database is away ({0}): start it, then run the same command again")]
    Away(#[source] sqlx::Error),
    /// PostgreSQL is there, and does not let this process work.
    #[error(
        "the ledger's database does not let ferry in ({0}): check user, password, database, rights and certificate"
    )]
    Refused(#[source] sqlx::Error),
    /// No room left.
    #[error("the disk of the ledger is full: free some space, then run the same command again")]
    DiskFull,
    /// The file cannot be written.
    #[error(
        "the ledger cannot be written: give the data folder write permission; with PostgreSQL connect to the primary"
    )]
    ReadOnly,
    /// Another program holds the database.
    #[error(
        "the ledger is locked by another program: end it (a backup? an open sqlite3 or psql shell?) and run again"
    )]
    Busy,
    /// The database was made by a newer version.
    #[error(
        "the ledger was written by a newer version of ferry (schema {found}): use that version, or another data folder"
    )]
    NewerSchema {
        /// The schema's version in the file.
        found: i64,
    },
    /// The file is not a ledger.
    #[error("{path} is not a ferry ledger: give another data folder")]
    NotALedger {
        /// The file.
        path: String,
    },
    /// Another key ring made this ledger.
    #[error(
        "the key ring does not fit this ledger ({key} key): restore the key ring it was made with"
    )]
    WrongKeys {
        /// Which key.
        key: &'static str,
    },
    /// A row contradicts the schema's promises.
    #[error(
        "the ledger is inconsistent at {table}.{column}, row {row}: restore it from a backup, and report this"
    )]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's id.
        row: i64,
    },
    /// A run's name is taken by another export.
    #[error(
        "run {name:?} was begun with another export or column mapping: give this one another name with --run"
    )]
    SourceChanged {
        /// The run.
        name: String,
    },
    /// Another process takes the same export in, and has come further.
    #[error("run {run} is being registered by another process: let it end, or run again to go on")]
    RegisteringElsewhere {
        /// The run.
        run: RunId,
    },
    /// No such run.
    #[error("there is no run {name:?}: `ferry status` lists the runs of this ledger")]
    UnknownRun {
        /// What was asked for.
        name: String,
    },
}

/// SQLite's primary result codes (sqlite.org/rescode.html).
const SQLITE_BUSY: i64 = 5;
const SQLITE_LOCKED: i64 = 6;
const SQLITE_READONLY: i64 = 8;
const SQLITE_FULL: i64 = 13;

impl LedgerError {
    /// The same call may succeed later without anybody changing a setting.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Driver(_)
                | Self::Away(_)
                | Self::DiskFull
                | Self::Busy
                | Self::ReadOnly
                | Self::RegisteringElsewhere { .. }
        )
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        use std::io::ErrorKind;

        match &error {
            sqlx::Error::Database(told) => {
                let code = told.code().unwrap_or_default().into_owned();
                let postgres = told.try_downcast_ref::<PgDatabaseError>().is_some();
                let mean = if postgres {
                    by_sqlstate
                } else {
                    by_sqlite_code
                };
                mean(&code, error)
            }
            // What rustls says of the server's certificate.
            sqlx::Error::Io(told) if told.kind() == ErrorKind::InvalidData => Self::Refused(error),
            sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => Self::Refused(error),
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => Self::Away(error),
            _ => Self::Driver(error),
        }
    }
}

fn by_sqlite_code(code: &str, error: sqlx::Error) -> LedgerError {
    // The low byte of an extended code is the primary one.
    match code.parse::<i64>().map(|code| code & 0xff) {
        Ok(SQLITE_BUSY | SQLITE_LOCKED) => LedgerError::Busy,
        Ok(SQLITE_READONLY) => LedgerError::ReadOnly,
        Ok(SQLITE_FULL) => LedgerError::DiskFull,
        _ => LedgerError::Driver(error),
    }
}

/// PostgreSQL's error codes (postgresql.org/docs/current/errcodes-appendix.html).
fn by_sqlstate(code: &str, error: sqlx::Error) -> LedgerError {
    match code {
        // disk_full
        "53100" => LedgerError::DiskFull,
        // read_only_sql_transaction: a standby, or default_transaction_read_only.
        "25006" => LedgerError::ReadOnly,
        // lock_not_available, deadlock_detected, serialization_failure, query_canceled: a timeout.
        "55P03" | "40P01" | "40001" | "57014" => LedgerError::Busy,
        // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout; idle in a
        // transaction for too long; too_many_connections.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" => LedgerError::Away(error),
        // invalid_catalog_name, insufficient_privilege, invalid_schema_name.
        "3D000" | "42501" | "3F000" => LedgerError::Refused(error),
        // Connection exceptions; refused logins.
        _ if code.starts_with("08") => LedgerError::Away(error),
        _ if code.starts_with("28") => LedgerError::Refused(error),
        _ => LedgerError::Driver(error),
    }
}
