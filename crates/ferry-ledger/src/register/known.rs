//! Rows of an export whose session the ledger knows already: duplicates, or revivals.

use std::collections::HashMap;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, RunId};
use rand::rngs::StdRng;
use sqlx::{Row, Sqlite, Transaction};

use super::Candidate;
use crate::rows::json_rows;
use crate::{Ledger, LedgerError};

/// When the sweeper may look for what a call under way at the moment of a revival has minted: the
/// default call timeout and 20 s.
const QUIET_AFTER_REVIVAL: Duration = Duration::from_secs(30);

/// A candidate and the row that has its key.
pub(super) struct Known {
    candidate: Candidate,
    row: KnownRow,
}

struct KnownRow {
    id: i64,
    run: RunId,
    state: String,
    reason: Option<String>,
    token_expires_at: Timestamp,
    run_state: String,
}

/// How many known sessions were given the newer token.
pub(super) struct Revived {
    /// Those that came from another run.
    pub(super) moved: u64,
}

/// Parts the candidates into those the ledger has never seen and those it knows.
pub(super) async fn part(
    transaction: &mut Transaction<'static, Sqlite>,
    candidates: Vec<Candidate>,
) -> Result<(Vec<Candidate>, Vec<Known>), LedgerError> {
    let keys: Vec<_> = candidates
        .iter()
        .map(|candidate| candidate.key.to_string())
        .collect();
    let rows = sqlx::query(
        "/* register: known? */ SELECT s.legacy_key, s.id, s.run_id, s.state, s.reason,
             s.token_expires_at, r.state AS run_state
         FROM json_each(?1) AS j
         JOIN sessions AS s ON s.legacy_key = unhex(j.value)
         JOIN runs AS r ON r.id = s.run_id",
    )
    .bind(json_rows(&keys))
    .fetch_all(&mut **transaction)
    .await?;
    let mut known_rows: HashMap<LegacyKey, KnownRow> = rows.iter().map(read).collect();
    let mut fresh = Vec::with_capacity(candidates.len());
    let mut known = Vec::new();
    for candidate in candidates {
        match known_rows.remove(&candidate.key) {
            Some(row) => known.push(Known { candidate, row }),
            None => fresh.push(candidate),
        }
    }
    Ok((fresh, known))
}

fn read(row: &sqlx::sqlite::SqliteRow) -> (LegacyKey, KnownRow) {
    let key = <[u8; 16]>::try_from(row.get::<&[u8], _>("legacy_key"))
        .expect("the schema checks its length");
    let known = KnownRow {
        id: row.get("id"),
        run: RunId(row.get("run_id")),
        state: row.get("state"),
        reason: row.get("reason"),
        token_expires_at: Timestamp::from_millis(row.get("token_expires_at")),
        run_state: row.get("run_state"),
    };
    (LegacyKey(key), known)
}

impl Known {
    /// A newer token for a session that is not carried; or a session of a run whose registering
    /// was given up, which no dispatcher would ever come to.
    fn revives(&self, run: RunId) -> bool {
        let carried = self.row.state == "migrated";
        let forbidden = self.row.reason.as_deref() == Some("revoked");
        let newer = self.candidate.expires_at() > self.row.token_expires_at;
        let abandoned = self.row.run != run && self.row.run_state == "registering";
        !carried && !forbidden && self.candidate.skip.is_none() && (newer || abandoned)
    }
}

impl Ledger {
    /// Gives the known sessions their newer tokens and moves them to this run.
    pub(super) async fn revive(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        run: RunId,
        known: &[Known],
        rng: &mut StdRng,
    ) -> Result<Revived, LedgerError> {
        let mut moved = 0;
        for known in known.iter().filter(|known| known.revives(run)) {
            self.append_taken_over(transaction, known.row.id, QUIET_AFTER_REVIVAL)
                .await?;
            renew(transaction, run, known).await?;
            sqlx::query(
                "/* revive: secret */ INSERT OR REPLACE INTO session_secrets VALUES (?1, ?2)",
            )
            .bind(known.row.id)
            .bind(self.seal_token(&known.candidate, rng))
            .execute(&mut **transaction)
            .await?;
            if known.row.run != run {
                moved += 1;
                sqlx::query(
                    "/* revive: hand over */ UPDATE runs SET handed_over = handed_over + 1
                     WHERE id = ?1",
                )
                .bind(known.row.run.0)
                .execute(&mut **transaction)
                .await?;
            }
        }
        Ok(Revived { moved })
    }
}

async fn renew(
    transaction: &mut Transaction<'static, Sqlite>,
    run: RunId,
    known: &Known,
) -> Result<(), LedgerError> {
    let session = &known.candidate.session;
    let facts = &session.facts;
    let clock = &facts.clock;
    sqlx::query(
        "/* revive */ UPDATE sessions SET run_id = ?2, source_row = ?3, subject = ?4, email = ?5,
             external_id = ?6, token_expires_at = ?7, session_expires_at = ?8, idle_timeout = ?9,
             last_active_at = ?10, absolute_expires_at = ?11, custom_claims = ?12,
             state = 'queued', reason = NULL, error_type = NULL, fence = fence + 1,
             attempt_id = NULL, lease_until = NULL, attempts_spent = 0, unknown_outcomes = 0
         WHERE id = ?1",
    )
    .bind(known.row.id)
    .bind(run.0)
    .bind(super::signed(session.source_row))
    .bind(&facts.subject)
    .bind(&facts.email)
    .bind(&facts.external_id)
    .bind(facts.token_expires_at.as_millis())
    .bind(clock.session_expires_at.map(Timestamp::as_millis))
    .bind(clock.idle_timeout.map(super::milliseconds))
    .bind(clock.last_active_at.map(Timestamp::as_millis))
    .bind(clock.absolute_expires_at.map(Timestamp::as_millis))
    .bind(&session.custom_claims)
    .execute(&mut **transaction)
    .await?;
    sqlx::query("/* revive: not waiting */ DELETE FROM waiting WHERE session_id = ?1")
        .bind(known.row.id)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
