//! What can go wrong with the ledger, and what to do about it.

use ferry_core::id::RunId;

/// A failure of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database failed.
    #[error("the ledger's database failed: {0}")]
    Driver(#[source] sqlx::Error),
    /// No room left.
    #[error("the disk of the ledger is full: free some space, then run the same command again")]
    DiskFull,
    /// The file cannot be written.
    #[error("the ledger cannot be written: give the data folder write permission")]
    ReadOnly,
    /// Another program holds the database.
    #[error(
        "the ledger is locked by another program: end it (a backup? an open sqlite3 shell?) and run again"
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
                | Self::DiskFull
                | Self::Busy
                | Self::ReadOnly
                | Self::RegisteringElsewhere { .. }
        )
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        let extended = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|code| code.parse::<i64>().ok());
        // The low byte of an extended code is the primary one.
        match extended.map(|code| code & 0xff) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Busy,
            Some(SQLITE_READONLY) => Self::ReadOnly,
            Some(SQLITE_FULL) => Self::DiskFull,
            _ => Self::Driver(error),
        }
    }
}
