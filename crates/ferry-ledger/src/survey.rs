//! How all runs stand, for metrics.

use std::collections::HashMap;
use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::books::Books;
use ferry_core::forecast::Expiries;
use ferry_core::id::RunId;
use ferry_core::reason::{DeadReason, PauseCause, SkipReason};
use ferry_core::state::{MappingState, RunState, SessionState, UnresolvedState};

use crate::database::either;
use crate::{Ledger, LedgerError};

/// Everything at one moment.
#[derive(Debug, Clone)]
pub struct Survey {
    /// When, by the ledger's clock.
    pub read_at: Timestamp,
    /// All runs, the newest first.
    pub runs: Vec<SurveyedRun>,
    /// Mappings of all runs by state.
    pub mappings: Vec<(MappingState, u64)>,
    /// Since when the sweeper's oldest look has been due; `None` when none is.
    pub sweep_due_since: Option<Timestamp>,
    /// Processes that were heard of within their term.
    pub workers: u64,
}

/// A run, as all its rows tell.
#[derive(Debug, Clone)]
pub struct SurveyedRun {
    /// Its id.
    pub id: RunId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: RunState,
    /// Why it is paused.
    pub pause_cause: Option<PauseCause>,
    /// Its books.
    pub books: Books,
    /// Dead letters by reason; `None` is a reason of a newer release.
    pub dead: Vec<(Option<DeadReason>, u64)>,
    /// Skipped sessions by reason.
    pub skipped: Vec<(Option<SkipReason>, u64)>,
    /// Waiting sessions whose time has come,
    pub due: u64,
    /// and since when that of the oldest has.
    pub due_since: Option<Timestamp>,
    /// Attempts of unknown outcome.
    pub unresolved: Vec<(UnresolvedState, u64)>,
    /// When the tokens of its open sessions expire.
    pub expiries: Expiries,
}

/// What the tables tell.
pub(crate) struct Surveyed {
    pub(crate) now: i64,
    pub(crate) runs: Vec<SurveyedRunRow>,
    pub(crate) sessions: Vec<SessionsRow>,
    /// Run, how many, since when.
    pub(crate) due: Vec<(i64, i64, i64)>,
    /// Run, state, how many.
    pub(crate) unresolved: Vec<(i64, String, i64)>,
    pub(crate) mappings: Vec<(String, i64)>,
    pub(crate) sweep_due_since: Option<i64>,
    pub(crate) workers: i64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct SurveyedRunRow {
    id: i64,
    name: String,
    state: String,
    pause_cause: Option<String>,
    rows_read: i64,
    rejected: i64,
    duplicates: i64,
    handed_over: i64,
}

/// Sessions that are alike.
#[derive(sqlx::FromRow)]
pub(crate) struct SessionsRow {
    run_id: i64,
    state: String,
    reason: Option<String>,
    /// In which minute since 1970 their tokens expire; null if they are final.
    minute: Option<i64>,
    count: i64,
}

/// In a minute.
const MILLISECONDS: i64 = 60_000;

impl Ledger {
    /// Looks through all sessions and mappings, in one snapshot: seconds for millions of them.
    pub async fn survey(&self) -> Result<Survey, LedgerError> {
        let surveyed = either!(long &self.database, database => database.survey().await?);
        surveyed.read()
    }
}

impl Surveyed {
    fn read(self) -> Result<Survey, LedgerError> {
        let mut runs = Vec::with_capacity(self.runs.len());
        let mut places = HashMap::new();
        for row in self.runs {
            places.insert(row.id, runs.len());
            runs.push(row.read()?);
        }
        let mut expiries: Vec<Vec<(Timestamp, u64)>> = vec![Vec::new(); runs.len()];
        for row in self.sessions {
            let place = *places.get(&row.run_id).ok_or(LOST)?;
            expiries[place].extend(row.expiry());
            row.count_in(&mut runs[place])?;
        }
        for (run, expiries) in runs.iter_mut().zip(expiries) {
            run.expiries = Expiries::new(expiries);
        }
        for (run, count, since) in self.due {
            let run = &mut runs[*places.get(&run).ok_or(LOST)?];
            run.due = count.unsigned_abs();
            run.due_since = Some(Timestamp::from_millis(since));
        }
        for (run, state, count) in self.unresolved {
            let state = UnresolvedState::from_str(&state).map_err(|_| LOST)?;
            let run = &mut runs[*places.get(&run).ok_or(LOST)?];
            run.unresolved.push((state, count.unsigned_abs()));
        }
        let mapping = |(state, count): (String, i64)| {
            let state = MappingState::from_str(&state).map_err(|_| LOST)?;
            Ok((state, count.unsigned_abs()))
        };
        Ok(Survey {
            read_at: Timestamp::from_millis(self.now),
            runs,
            mappings: self
                .mappings
                .into_iter()
                .map(mapping)
                .collect::<Result<_, LedgerError>>()?,
            sweep_due_since: self.sweep_due_since.map(Timestamp::from_millis),
            workers: self.workers.unsigned_abs(),
        })
    }
}

impl SurveyedRunRow {
    fn read(self) -> Result<SurveyedRun, LedgerError> {
        let wrong = |column| LedgerError::Inconsistent {
            table: "runs",
            column,
            row: self.id,
        };
        let cause = self.pause_cause.as_deref().map(PauseCause::from_str);
        Ok(SurveyedRun {
            id: RunId(self.id),
            state: RunState::from_str(&self.state).map_err(|_| wrong("state"))?,
            pause_cause: cause.transpose().map_err(|_| wrong("pause_cause"))?,
            name: self.name,
            books: Books {
                exported: self.rows_read.unsigned_abs(),
                rejected: self.rejected.unsigned_abs(),
                duplicates: self.duplicates.unsigned_abs(),
                handed_over: self.handed_over.unsigned_abs(),
                ..Books::default()
            },
            dead: Vec::new(),
            skipped: Vec::new(),
            due: 0,
            due_since: None,
            unresolved: Vec::new(),
            expiries: Expiries::default(),
        })
    }
}

impl SessionsRow {
    /// The early end of the minute: then a forecast errs on the safe side.
    fn expiry(&self) -> Option<(Timestamp, u64)> {
        let minute = self.minute?;
        let expires_at = Timestamp::from_millis(minute * MILLISECONDS);
        Some((expires_at, self.count.unsigned_abs()))
    }

    fn count_in(&self, run: &mut SurveyedRun) -> Result<(), LedgerError> {
        let count = self.count.unsigned_abs();
        let reason = self.reason.as_deref().unwrap_or_default();
        let books = &mut run.books;
        let counted = match SessionState::from_str(&self.state).map_err(|_| LOST)? {
            SessionState::Queued => &mut books.queued,
            SessionState::Running => &mut books.running,
            SessionState::Waiting => &mut books.waiting,
            SessionState::Migrated => &mut books.migrated,
            SessionState::Skipped => {
                run.skipped.push((SkipReason::from_str(reason).ok(), count));
                &mut books.skipped
            }
            SessionState::Dead => {
                run.dead.push((DeadReason::from_str(reason).ok(), count));
                &mut books.dead
            }
        };
        *counted += count;
        Ok(())
    }
}

/// What the schema rules out.
const LOST: LedgerError = LedgerError::Inconsistent {
    table: "sessions",
    column: "run_id or state",
    row: 0,
};
