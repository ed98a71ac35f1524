//! Rows of an export whose session the ledger knows already: duplicates, or revivals.

use std::collections::HashMap;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, RunId};
use rand::rngs::StdRng;

use super::{Candidate, Registration};
use crate::LedgerError;
use crate::database::{Change, either};
use crate::seal::legacy_key;

/// When the sweeper may look for what a call under way at the moment of a revival has minted: the
/// default call timeout and 20 s.
const QUIET_AFTER_REVIVAL: Duration = Duration::from_secs(30);

/// A candidate and the row that has its key.
pub(crate) struct Known {
    pub(crate) candidate: Candidate,
    pub(crate) row: KnownRow,
    /// The candidate's token, if the session gets it.
    pub(crate) sealed: Vec<u8>,
}

/// A session that is in the ledger.
#[derive(sqlx::FromRow)]
pub(crate) struct KnownRow {
    legacy_key: Vec<u8>,
    pub(crate) id: i64,
    pub(crate) run_id: i64,
    state: String,
    reason: Option<String>,
    token_expires_at: i64,
    run_state: String,
}

/// Parts the candidates into those the ledger has never seen and those it knows.
pub(super) fn part(
    candidates: Vec<Candidate>,
    rows: Vec<KnownRow>,
) -> (Vec<Candidate>, Vec<Known>) {
    let mut rows = by_key(rows);
    let mut fresh = Vec::with_capacity(candidates.len());
    let mut known = Vec::new();
    for candidate in candidates {
        match rows.remove(&candidate.key) {
            Some(row) => known.push(Known {
                candidate,
                row,
                sealed: Vec::new(),
            }),
            None => fresh.push(candidate),
        }
    }
    (fresh, known)
}

fn by_key(rows: Vec<KnownRow>) -> HashMap<LegacyKey, KnownRow> {
    rows.into_iter()
        .map(|row| (legacy_key(&row.legacy_key), row))
        .collect()
}

impl Known {
    /// A newer token for a session that is not carried; or a session of a run whose registering
    /// was given up, which no dispatcher would ever come to.
    fn revives(&self, run: RunId) -> bool {
        let row = &self.row;
        let carried = row.state == "migrated";
        let forbidden = row.reason.as_deref() == Some("revoked");
        let newer = self.candidate.expires_at() > Timestamp::from_millis(row.token_expires_at);
        let abandoned = row.run_id != run.0 && row.run_state == "registering";
        !carried && !forbidden && self.candidate.skip.is_none() && (newer || abandoned)
    }
}

impl Registration<'_> {
    /// Gives the known sessions their newer tokens and moves them to this run. Returns how many
    /// came from another run.
    pub(super) async fn revive(
        &mut self,
        mut known: Vec<Known>,
        rng: &mut StdRng,
    ) -> Result<u64, LedgerError> {
        let run = self.run;
        known.retain(|known| known.revives(run));
        let mut known = self.hold(known).await?;
        if known.is_empty() {
            return Ok(0);
        }
        for known in &mut known {
            known.sealed = self.ledger.seal_token(&known.candidate, rng);
        }
        let quiet = QUIET_AFTER_REVIVAL;
        either!(&mut self.change, change => change.renew(run, &known, quiet).await?);
        let mut handed_over: HashMap<i64, i64> = HashMap::new();
        for known in known.iter().filter(|known| known.row.run_id != run.0) {
            *handed_over.entry(known.row.run_id).or_default() += 1;
        }
        let moved: i64 = handed_over.values().sum();
        for (from, sessions) in handed_over {
            either!(&mut self.change, change => change.hand_over(from, sessions).await?);
        }
        Ok(moved.unsigned_abs())
    }

    /// Where others write meanwhile, the rows are locked and looked at once more: what does not
    /// revive stays so, but what does may have been carried a moment ago.
    async fn hold(&mut self, mut known: Vec<Known>) -> Result<Vec<Known>, LedgerError> {
        let Change::Postgres(change) = &mut self.change else {
            return Ok(known);
        };
        if known.is_empty() {
            return Ok(known);
        }
        let ids: Vec<_> = known.iter().map(|known| known.row.id).collect();
        let mut held = by_key(change.hold(&ids).await?);
        for known in &mut known {
            if let Some(row) = held.remove(&known.candidate.key) {
                known.row = row;
            }
        }
        known.retain(|known| known.revives(self.run));
        Ok(known)
    }
}
