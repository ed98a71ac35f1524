//! Take in the rows of an export.

use std::collections::HashMap;

use ferry_core::id::{LegacyKey, RunId};
use ferry_core::reason::SkipReason;
use ferry_core::session::{ExportRow, LegacySession, Reject};
use rand::rngs::StdRng;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};

mod known;

use crate::rows::json_rows;
use crate::seal::ACCESS_TOKEN;
use crate::{Ledger, LedgerError};

/// Rows in one multi-row statement: beyond some hundreds nothing is gained, and 17 values a row
/// stay below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 500;

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
struct Candidate {
    key: LegacyKey,
    session: Box<LegacySession>,
    skip: Option<SkipReason>,
}

/// Rows of an export on their way into the ledger: none of them is there before the commit, and
/// how far the export is read is committed with them.
#[derive(Debug)]
pub struct Registration<'l> {
    ledger: &'l Ledger,
    run: RunId,
    transaction: Transaction<'static, Sqlite>,
}

impl Registration<'_> {
    /// Adds the next records of the export.
    pub async fn add(
        &mut self,
        rows: Vec<ExportRow>,
        rng: &mut StdRng,
    ) -> Result<Registered, LedgerError> {
        let Self {
            ledger,
            run,
            transaction,
        } = self;
        let read = rows.len() as u64;
        let (candidates, rejects, mut duplicates) = ledger.sort_out(rows);
        let (fresh, known) = known::part(transaction, candidates).await?;
        let revived = ledger.revive(transaction, *run, &known, rng).await?;
        duplicates += known.len() as u64 - revived.moved;
        ledger.insert(transaction, *run, &fresh, rng).await?;
        insert_rejects(transaction, *run, &rejects).await?;
        let registered = Registered {
            added: fresh.len() as u64,
            duplicates,
            revived: revived.moved,
            rejected: rejects.len() as u64,
        };
        count(transaction, *run, read, registered).await?;
        Ok(registered)
    }

    /// All that was added is in the ledger, for good.
    pub async fn commit(self) -> Result<(), LedgerError> {
        fail::fail_point!("register-before-commit", |_| std::process::abort());
        Ok(self.transaction.commit().await?)
    }
}

impl Ledger {
    /// Begins to take in records of a run's export. Nobody else can write until its end.
    pub async fn begin_registration(&self, run: RunId) -> Result<Registration<'_>, LedgerError> {
        Ok(Registration {
            ledger: self,
            run,
            transaction: self.write().await?,
        })
    }

    /// Takes in the next records of the run's export in one commit.
    pub async fn register(
        &self,
        run: RunId,
        rows: Vec<ExportRow>,
        rng: &mut StdRng,
    ) -> Result<Registered, LedgerError> {
        let mut registration = self.begin_registration(run).await?;
        let registered = registration.add(rows, rng).await?;
        registration.commit().await?;
        Ok(registered)
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

    async fn insert(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        run: RunId,
        fresh: &[Candidate],
        rng: &mut StdRng,
    ) -> Result<(), LedgerError> {
        let last: i64 =
            sqlx::query_scalar("/* register: last id */ SELECT COALESCE(MAX(id), 0) FROM sessions")
                .fetch_one(&mut **transaction)
                .await?;
        let mut numbered: Vec<_> = (last + 1..).zip(fresh).collect();
        for chunk in numbered.chunks(ROWS_PER_STATEMENT) {
            insert_sessions(transaction, run, chunk).await?;
        }
        numbered.retain(|(_, candidate)| candidate.skip.is_none());
        for chunk in numbered.chunks(ROWS_PER_STATEMENT) {
            let mut insert =
                QueryBuilder::new("/* register: secrets */ INSERT INTO session_secrets ");
            insert.push_values(chunk, |mut values, (id, candidate)| {
                values
                    .push_bind(*id)
                    .push_bind(self.seal_token(candidate, rng));
            });
            insert.build().execute(&mut **transaction).await?;
        }
        Ok(())
    }

    fn seal_token(&self, candidate: &Candidate, rng: &mut StdRng) -> Vec<u8> {
        self.keys.seal(
            &candidate.session.access_token,
            ACCESS_TOKEN,
            candidate.key,
            rng,
        )
    }
}

impl Candidate {
    fn expires_at(&self) -> ferry_core::Timestamp {
        self.session.facts.token_expires_at
    }
}

async fn insert_sessions(
    transaction: &mut Transaction<'static, Sqlite>,
    run: RunId,
    chunk: &[(i64, &Candidate)],
) -> Result<(), LedgerError> {
    let mut insert = QueryBuilder::new(
        "/* register */ INSERT INTO sessions (id, run_id, legacy_key, source_row, organization,
         subject, email, external_id, token_expires_at, session_expires_at, idle_timeout,
         last_active_at, absolute_expires_at, custom_claims, state, reason) ",
    );
    insert.push_values(chunk, |mut values, (id, candidate)| {
        let session = &candidate.session;
        let facts = &session.facts;
        let clock = &facts.clock;
        values
            .push_bind(*id)
            .push_bind(run.0)
            .push_bind(&candidate.key.0[..])
            .push_bind(i64::try_from(session.source_row).unwrap_or(i64::MAX))
            .push_bind(&session.organization)
            .push_bind(&facts.subject)
            .push_bind(&facts.email)
            .push_bind(&facts.external_id)
            .push_bind(facts.token_expires_at.as_millis())
            .push_bind(
                clock
                    .session_expires_at
                    .map(ferry_core::Timestamp::as_millis),
            )
            .push_bind(clock.idle_timeout.map(milliseconds))
            .push_bind(clock.last_active_at.map(ferry_core::Timestamp::as_millis))
            .push_bind(
                clock
                    .absolute_expires_at
                    .map(ferry_core::Timestamp::as_millis),
            )
            .push_bind(&session.custom_claims)
            .push_bind(if candidate.skip.is_some() {
                "skipped"
            } else {
                "queued"
            })
            .push_bind(candidate.skip.map(<&str>::from));
    });
    insert.build().execute(&mut **transaction).await?;
    Ok(())
}

async fn insert_rejects(
    transaction: &mut Transaction<'static, Sqlite>,
    run: RunId,
    rejects: &[Reject],
) -> Result<(), LedgerError> {
    if rejects.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = rejects
        .iter()
        .map(|r| (r.row, r.line, &r.column, &r.reason))
        .collect();
    sqlx::query(
        "/* register: rejects */ INSERT INTO rejects (run_id, row, line, \"column\", reason)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)",
    )
    .bind(run.0)
    .bind(json_rows(&rows))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn count(
    transaction: &mut Transaction<'static, Sqlite>,
    run: RunId,
    read: u64,
    registered: Registered,
) -> Result<(), LedgerError> {
    sqlx::query(
        "/* register: count */ UPDATE runs SET rows_read = rows_read + ?2,
         rejected = rejected + ?3, duplicates = duplicates + ?4 WHERE id = ?1",
    )
    .bind(run.0)
    .bind(signed(read))
    .bind(signed(registered.rejected))
    .bind(signed(registered.duplicates))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Ledger {
    /// Rejected records of a run, in the order of the export, from after record `after`.
    pub async fn rejects(
        &self,
        run: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, LedgerError> {
        let rows = sqlx::query(
            "/* rejects */ SELECT row, line, \"column\", reason FROM rejects
             WHERE run_id = ?1 AND row > ?2 ORDER BY row LIMIT ?3",
        )
        .bind(run.0)
        .bind(signed(after))
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| Reject {
            row: row.get::<i64, _>(0).unsigned_abs(),
            line: row.get::<i64, _>(1).unsigned_abs(),
            column: row.get(2),
            reason: row.get(3),
        };
        Ok(rows.iter().map(read).collect())
    }
}
