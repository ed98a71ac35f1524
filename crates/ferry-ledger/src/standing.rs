//! Where one legacy session stands.

use std::str::FromStr;

use ferry_core::id::{LegacyKey, SessionId};
use ferry_core::state::SessionState;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// Where a legacy session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The session.
    pub session: SessionId,
    /// The name of the run that it belongs to.
    pub run: String,
    /// Its record in that run's export.
    pub source_row: u64,
    /// Its state.
    pub state: SessionState,
    /// Why it is skipped or dead.
    pub reason: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct StandingRow {
    id: i64,
    run: String,
    source_row: i64,
    state: String,
    reason: Option<String>,
}

impl Ledger {
    /// Where the session of this key stands; `None` if no export held it.
    pub async fn standing(&self, key: LegacyKey) -> Result<Option<Standing>, LedgerError> {
        let row = either!(&self.database, database => database.standing(key).await?);
        row.map(StandingRow::read).transpose()
    }
}

impl StandingRow {
    fn read(self) -> Result<Standing, LedgerError> {
        let state = SessionState::from_str(&self.state);
        Ok(Standing {
            session: SessionId(self.id),
            run: self.run,
            source_row: self.source_row.unsigned_abs(),
            state: state.map_err(|_| LedgerError::Inconsistent {
                table: "sessions",
                column: "state",
                row: self.id,
            })?,
            reason: self.reason,
        })
    }
}
