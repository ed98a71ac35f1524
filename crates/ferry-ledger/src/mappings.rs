//! Legacy session → Stytch session: what the application reads at the cut-over.

use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, RunId, SessionId};
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
    /// The run that carried it.
    pub run: RunId,
    /// Its record in that run's export.
    pub source_row: u64,
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
    /// What [`Ledger::session_token`] opens.
    sealed: Sealed,
}

/// The Stytch session token, sealed; `None` once it is wiped.
#[derive(Clone)]
struct Sealed(Option<Vec<u8>>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed")
    }
}

impl Ledger {
    /// The mapping of a legacy session, and the Stytch session token that the application hands to
    /// the user. `None` if it was not carried, or its Stytch session is over and wiped.
    pub async fn lookup(
        &self,
        stable_id: &SecretString,
        organization: &str,
    ) -> Result<Option<(Mapping, SecretString)>, LedgerError> {
        let Some(mapping) = self
            .mapping(self.legacy_key(stable_id, organization))
            .await?
        else {
            return Ok(None);
        };
        let token = self.session_token(&mapping)?;
        Ok(token.map(|token| (mapping, token)))
    }

    /// What a legacy session is known by.
    pub fn legacy_key(&self, stable_id: &SecretString, organization: &str) -> LegacyKey {
        self.keys.legacy_key(stable_id, organization)
    }

    /// The mapping that is found by this key.
    pub async fn mapping(&self, key: LegacyKey) -> Result<Option<Mapping>, LedgerError> {
        let row = either!(&self.database, database => database.lookup(key).await?);
        row.map(MappingRow::read).transpose()
    }

    /// Opens the Stytch session token. `None` once it is wiped.
    pub fn session_token(&self, mapping: &Mapping) -> Result<Option<SecretString>, LedgerError> {
        let Some(sealed) = &mapping.sealed.0 else {
            return Ok(None);
        };
        let token = self.keys.open(sealed, SESSION_TOKEN, mapping.legacy_key);
        token
            .map(Some)
            .map_err(|_| inconsistent("session_token", mapping.session.0))
    }

    /// At most `limit` mappings in the order of their sessions, from after `after`.
    pub async fn mappings(
        &self,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Mapping>, LedgerError> {
        self.mappings_of(None, after, limit).await
    }

    /// The same of one run's sessions, or of all.
    pub async fn mappings_of(
        &self,
        run: Option<RunId>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Mapping>, LedgerError> {
        let after = after.map_or(i64::MIN, |session| session.0);
        let run = run.map(|run| run.0);
        let rows = either!(long &self.database, database => {
            database.mappings(run, after, limit).await?
        });
        rows.into_iter().map(MappingRow::read).collect()
    }

    /// The mappings to these Stytch sessions, in no order. Looks through the whole table once,
    /// however many they are.
    pub async fn mappings_to(
        &self,
        member_session_ids: &[String],
    ) -> Result<Vec<Mapping>, LedgerError> {
        let rows = either!(long &self.database, database => {
            database.mappings_to(member_session_ids).await?
        });
        rows.into_iter().map(MappingRow::read).collect()
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct MappingRow {
    session_id: i64,
    run_id: i64,
    source_row: i64,
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
            run: RunId(self.run_id),
            source_row: self.source_row.unsigned_abs(),
            legacy_key: legacy_key(&self.legacy_key),
            organization_id: self.organization_id,
            member_id: self.member_id,
            member_session_id: self.member_session_id,
            expires_at: Timestamp::from_millis(self.expires_at),
            state: MappingState::from_str(&self.state)
                .map_err(|_| inconsistent("state", self.session_id))?,
            sealed: Sealed(self.session_token),
        })
    }
}

fn inconsistent(column: &'static str, row: i64) -> LedgerError {
    LedgerError::Inconsistent {
        table: "mappings",
        column,
        row,
    }
}
