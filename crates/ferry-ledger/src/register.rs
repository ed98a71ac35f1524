//! Take in the rows of an export.

use std::collections::HashMap;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, RunId};
use ferry_core::reason::SkipReason;
use ferry_core::session::{ExportRow, LegacySession, Reject};
use rand::rngs::StdRng;

mod known;

pub(crate) use known::{Known, KnownRow};

use crate::database::{Change, either};
use crate::seal::ACCESS_TOKEN;
use crate::{Ledger, LedgerError};

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Registered {
    /// New sessions.
    pub added: u64,
    /// Records of a session that was known already.
    pub duplicates: u64,
    /// Known sessions that this run took over, with a newer token.
    pub revived: u64,
    /// Records that could not be used.
    pub rejected: u64,
}

impl std::ops::AddAssign for Registered {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.duplicates += other.duplicates;
        self.revived += other.revived;
        self.rejected += other.rejected;
    }
}

/// A session of the batch, with the key it is known by.
pub(crate) struct Candidate {
    pub(crate) key: LegacyKey,
    pub(crate) session: Box<LegacySession>,
    pub(crate) skip: Option<SkipReason>,
}

/// A session that is new, with the id it gets and its sealed token, if it needs one.
pub(crate) struct Fresh {
    pub(crate) id: i64,
    pub(crate) candidate: Candidate,
    pub(crate) sealed: Option<Vec<u8>>,
}

/// A rejected record, as both databases have it.
#[derive(sqlx::FromRow)]
pub(crate) struct RejectRow {
    row: i64,
    line: i64,
    column: Option<String>,
    reason: String,
}

/// Rows of an export on their way into the ledger: none of them is there before the commit, and
/// how far the export is read is committed with them.
///
/// On PostgreSQL they are there sooner: with the next `add`. How far the export is read always fits.
#[derive(Debug)]
pub struct Registration<'l> {
    ledger: &'l Ledger,
    run: RunId,
    /// Records that are in the ledger, with those of this registration.
    rows_read: u64,
    /// Something was added since the last commit.
    has_added: bool,
    change: Change,
}

impl Registration<'_> {
    /// Adds the next records of the export.
    pub async fn add(
        &mut self,
        rows: Vec<ExportRow>,
        rng: &mut StdRng,
    ) -> Result<Registered, LedgerError> {
        self.let_go().await?;
        let read = rows.len() as u64;
        let (candidates, rejects, mut duplicates) = self.ledger.sort_out(rows);
        let keys: Vec<_> = candidates.iter().map(|candidate| candidate.key).collect();
        let known = either!(&mut self.change, change => change.known(&keys).await?);
        let (fresh, known) = known::part(candidates, known);
        duplicates += known.len() as u64;
        let revived = self.revive(known, rng).await?;
        duplicates -= revived;
        let registered = Registered {
            added: fresh.len() as u64,
            duplicates,
            revived,
            rejected: rejects.len() as u64,
        };
        let run = self.run;
        let last = either!(&mut self.change, change => change.last_id().await?);
        let fresh = self.ledger.number(fresh, last, rng);
        either!(&mut self.change, change => {
            change.insert_sessions(run, &fresh).await?;
            change.insert_rejects(run, &rejects).await?;
            change.count(run, read, registered).await?;
        });
        self.rows_read += read;
        Ok(registered)
    }

    /// On PostgreSQL, commits what was added so far and waits for the next turn: other registrars
    /// wait for one batch at the most, and who locks rows once a transaction, in their order, is
    /// never in a circle of those who wait.
    async fn let_go(&mut self) -> Result<(), LedgerError> {
        let Change::Postgres(change) = &mut self.change else {
            return Ok(());
        };
        if std::mem::replace(&mut self.has_added, true) {
            change.commit_so_far().await?;
            if change.take_turn(self.run).await? != Some(signed(self.rows_read)) {
                return Err(LedgerError::RegisteringElsewhere { run: self.run });
            }
        }
        Ok(())
    }

    /// All that was added is in the ledger, for good. Returns how many records of the export are.
    pub async fn commit(self) -> Result<u64, LedgerError> {
        fail::fail_point!("register-before-commit", |_| std::process::abort());
        self.change.commit().await?;
        Ok(self.rows_read)
    }
}

impl Ledger {
    /// Begins to take in records of a run's export, of which `rows_read` are in the ledger. Nobody
    /// else can register until its end; on SQLite nobody else can write.
    ///
    /// If another process has come further meanwhile, is through, or has cancelled the run, it is
    /// [`LedgerError::RegisteringElsewhere`].
    pub async fn begin_registration(
        &self,
        run: RunId,
        rows_read: u64,
    ) -> Result<Registration<'_>, LedgerError> {
        let registration = self.take_turn(run).await?;
        if registration.rows_read == rows_read {
            Ok(registration)
        } else {
            Err(LedgerError::RegisteringElsewhere { run })
        }
    }

    /// Takes in the next records of the run's export in one commit, wherever it has got to.
    pub async fn register(
        &self,
        run: RunId,
        rows: Vec<ExportRow>,
        rng: &mut StdRng,
    ) -> Result<Registered, LedgerError> {
        let mut registration = self.take_turn(run).await?;
        let registered = registration.add(rows, rng).await?;
        registration.commit().await?;
        Ok(registered)
    }

    async fn take_turn(&self, run: RunId) -> Result<Registration<'_>, LedgerError> {
        let mut change = self.write().await?;
        let rows_read = either!(&mut change, change => change.take_turn(run).await?);
        Ok(Registration {
            ledger: self,
            run,
            rows_read: rows_read
                .ok_or(LedgerError::RegisteringElsewhere { run })?
                .unsigned_abs(),
            has_added: false,
            change,
        })
    }

    /// Sessions in the order in which they will be called, so that neighbours in time are neighbours
    /// on disk; of two with one key the one with the newer token stays, the other is a duplicate.
    /// A row that cannot be carried takes nobody's place, as it does not among the [`known`] ones.
    fn sort_out(&self, rows: Vec<ExportRow>) -> (Vec<Candidate>, Vec<Reject>, u64) {
        let mut by_key: HashMap<LegacyKey, Candidate> = HashMap::with_capacity(rows.len());
        let mut rejects = Vec::new();
        let mut duplicates = 0;
        for row in rows {
            let (session, skip) = match row {
                ExportRow::Session(session) => (session, None),
                ExportRow::Skipped(session, reason) => (session, Some(reason)),
                ExportRow::Rejected(reject) => {
                    rejects.push(reject);
                    continue;
                }
            };
            let key = self
                .keys
                .legacy_key(&session.stable_id, &session.organization);
            let candidate = Candidate { key, session, skip };
            match by_key.entry(key) {
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(candidate);
                }
                std::collections::hash_map::Entry::Occupied(mut taken) => {
                    duplicates += 1;
                    if candidate.skip.is_none() && candidate.expires_at() > taken.get().expires_at()
                    {
                        taken.insert(candidate);
                    }
                }
            }
        }
        let mut candidates: Vec<_> = by_key.into_values().collect();
        candidates.sort_unstable_by_key(|candidate| (candidate.expires_at(), candidate.key));
        (candidates, rejects, duplicates)
    }

    /// Ids in the order of the sessions, behind `last`.
    fn number(&self, fresh: Vec<Candidate>, last: i64, rng: &mut StdRng) -> Vec<Fresh> {
        let number = |(id, candidate): (i64, Candidate)| Fresh {
            id,
            sealed: candidate
                .skip
                .is_none()
                .then(|| self.seal_token(&candidate, rng)),
            candidate,
        };
        (last + 1..).zip(fresh).map(number).collect()
    }

    fn seal_token(&self, candidate: &Candidate, rng: &mut StdRng) -> Vec<u8> {
        self.keys.seal(
            &candidate.session.access_token,
            ACCESS_TOKEN,
            candidate.key,
            rng,
        )
    }

    /// Rejected records of a run, in the order of the export, from after record `after`.
    pub async fn rejects(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, LedgerError> {
        let after = signed(after);
        let rows = either!(&self.database, database => database.rejects(run, after, limit).await?);
        let read = |row: RejectRow| Reject {
            row: row.row.unsigned_abs(),
            line: row.line.unsigned_abs(),
            column: row.column,
            reason: row.reason,
        };
        Ok(rows.into_iter().map(read).collect())
    }
}

impl Candidate {
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.session.facts.token_expires_at
    }

    pub(crate) fn state(&self) -> &'static str {
        if self.skip.is_some() {
            "skipped"
        } else {
            "queued"
        }
    }
}

pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
