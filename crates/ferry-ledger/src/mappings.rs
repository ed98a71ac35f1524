//! Legacy session → Stytch session: what the application reads at the cut-over.

use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, SessionId};
use ferry_core::state::MappingState;
use secrecy::SecretString;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::seal::SESSION_TOKEN;
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
        let row = sqlx::query(
            "/* lookup */ SELECT s.legacy_key, m.* FROM sessions AS s
             JOIN mappings AS m ON m.session_id = s.id WHERE s.legacy_key = ?1",
        )
        .bind(&key.0[..])
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed = row
            .get::<Option<&[u8]>, _>("session_token")
            .unwrap_or_default();
        let token = self
            .keys
            .open(sealed, SESSION_TOKEN, key)
            .map_err(|_| inconsistent("session_token"))?;
        Ok(Some((read(&row)?, token)))
    }

    /// At most `limit` mappings in the order of their sessions, from after `after`.
    pub async fn mappings(
        &self,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Mapping>, LedgerError> {
        let rows = sqlx::query(
            "/* mappings */ SELECT s.legacy_key, m.*
             FROM mappings AS m JOIN sessions AS s ON s.id = m.session_id
             WHERE m.session_id > ?1 ORDER BY m.session_id LIMIT ?2",
        )
        .bind(after.map_or(i64::MIN, |session| session.0))
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<Mapping, LedgerError> {
    let key = <[u8; 16]>::try_from(row.get::<&[u8], _>("legacy_key"))
        .expect("the schema checks its length");
    Ok(Mapping {
        session: SessionId(row.get("session_id")),
        legacy_key: LegacyKey(key),
        organization_id: row.get("organization_id"),
        member_id: row.get("member_id"),
        member_session_id: row.get("member_session_id"),
        expires_at: Timestamp::from_millis(row.get("expires_at")),
        state: MappingState::from_str(row.get("state")).map_err(|_| inconsistent("state"))?,
    })
}

fn inconsistent(column: &'static str) -> LedgerError {
    LedgerError::Inconsistent {
        table: "mappings",
        column,
        row: 0,
    }
}
