//! Which database is behind the ledger.
//!
//! What decides stands once, beside each verb's types; each database has the same methods with its
//! own SQL in `sqlite/<verb>.rs` and `postgres/<verb>.rs`.

use crate::postgres::{PostgresChange, PostgresLedger};
use crate::sqlite::{SqliteChange, SqliteLedger};
use crate::{Ledger, LedgerError};

/// Something of either database.
#[derive(Debug, Clone)]
pub(crate) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// The connections.
pub(crate) type Database = Either<SqliteLedger, PostgresLedger>;

/// A write transaction: gone without a trace unless it is committed.
pub(crate) type Change = Either<SqliteChange, PostgresChange>;

/// Does the same on whichever database it is. On a server it counts as waiting, see
/// [`Ledger::longest_wait`]; what may look through whole tables is `long`.
macro_rules! either {
    (long $either:expr, $it:ident => $done:expr) => {
        $crate::database::either!(wait_long, $either, $it => $done)
    };
    ($either:expr, $it:ident => $done:expr) => {
        $crate::database::either!(wait, $either, $it => $done)
    };
    ($wait:ident, $either:expr, $it:ident => $done:expr) => {
        match $either {
            $crate::database::Either::Sqlite($it) => $done,
            $crate::database::Either::Postgres($it) => {
                let _wait = $it.$wait();
                $done
            }
        }
    };
}
pub(crate) use either;

impl Ledger {
    pub(crate) async fn write(&self) -> Result<Change, LedgerError> {
        Ok(match &self.database {
            Database::Sqlite(database) => Change::Sqlite(database.write().await?),
            Database::Postgres(database) => {
                let _wait = database.wait();
                Change::Postgres(database.write().await?)
            }
        })
    }
}

impl Change {
    pub(crate) async fn commit(self) -> Result<(), LedgerError> {
        either!(self, change => change.transaction.commit().await?);
        Ok(())
    }

    /// Lets go of what is locked before anything else happens. One that is dropped does so some time
    /// later.
    pub(crate) async fn roll_back(self) -> Result<(), LedgerError> {
        either!(self, change => change.transaction.rollback().await?);
        Ok(())
    }
}
