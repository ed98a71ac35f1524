//! Legacy session → Stytch session: what the application reads at the cut-over.

use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, SessionId};
use ferry_core::state::MappingState;
use secrecy::SecretString;

use crate::database::either;
use crate::seal::{SESSION_TOKEN, legacy_key};
use crate::{Ledger, LedgerError};

/// Where a legacy session has gone.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The session.
    pub session: SessionId,
    /// What it is found by.
    pub legacy_key: LegacyKey,
    /// Stytch's organization id; `None` for the Consumer API.
    pub organization_id: Option<String>,
    /// Stytch's member or user id.
    pub member_id: String,
    /// Stytch's id of the session.
    pub member_session_id: String,
    /// When the Stytch session ends.
    pub expires_at: Timestamp,
    /// Where the mapping stands.
    pub state: MappingState,
}

impl Ledger {
    /// The mapping of a legacy session, and the Stytch session token that the application hands to
    /// the user.
    pub async fn lookup(
        &self,
        stable_id: &SecretString,
        organization: &str,
    ) -> Result<Option<(Mapping, SecretString)>, LedgerError> {
        let key = self.keys.legacy_key(stable_id, organization);
        let row = either!(&self.database, database => database.lookup(key).await?);
        let Some(row) = row else { return Ok(None) };
        let sealed = row.session_token.as_deref().unwrap_or_default();
        let token = self
            .keys
            .open(sealed, SESSION_TOKEN, key)
            .map_err(|_| inconsistent("session_token"))?;
        Ok(Some((row.read()?, token)))
    }

    /// At most `limit` mappings in the order of their sessions, from after `after`.
    pub async fn mappings(
        &self,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Mapping>, LedgerError> {
        let after = after.map_or(i64::MIN, |session| session.0);
        let rows = either!(&self.database, database => database.mappings(after, limit).await?);
        rows.into_iter().map(MappingRow::read).collect()
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct MappingRow {
    session_id: i64,
    legacy_key: Vec<u8>,
    organization_id: Option<String>,
    member_id: String,
    member_session_id: String,
    session_token: Option<Vec<u8>>,
    expires_at: i64,
    state: String,
}

impl MappingRow {
    fn read(self) -> Result<Mapping, LedgerError> {
        Ok(Mapping {
            session: SessionId(self.session_id),
            legacy_key: legacy_key(&self.legacy_key),
            organization_id: self.organization_id,
            member_id: self.member_id,
            member_session_id: self.member_session_id,
            expires_at: Timestamp::from_millis(self.expires_at),
            state: MappingState::from_str(&self.state).map_err(|_| inconsistent("state"))?,
        })
    }
}

fn inconsistent(column: &'static str) -> LedgerError {
    LedgerError::Inconsistent {
        table: "mappings",
        column,
        row: 0,
    }
}
