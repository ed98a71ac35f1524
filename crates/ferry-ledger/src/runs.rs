//! Begin, pause, resume and finish a run.

use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use ferry_core::reason::PauseCause;
use ferry_core::state::RunState;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// What a run is begun with.
#[derive(Debug, Clone)]
pub struct RunSource {
    /// The run's name.
    pub name: String,
    /// Where the export is, for people.
    pub location: String,
    /// Tells this export and column mapping from others.
    pub digest: [u8; 32],
}

/// A run as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its name.
    pub name: String,
    /// Where its export is.
    pub source: String,
    /// Where it stands.
    pub state: RunState,
    /// Why it is paused.
    pub pause_cause: Option<PauseCause>,
    /// Records of the export that are in the ledger.
    pub rows_read: u64,
    /// When it was begun.
    pub began_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct RunRow {
    id: i64,
    name: String,
    source: String,
    state: String,
    pause_cause: Option<String>,
    rows_read: i64,
    began_at: i64,
    finished_at: Option<i64>,
}

impl Ledger {
    /// The run of this name: begun now, or known from before.
    ///
    /// A known name with another export or column mapping is [`LedgerError::SourceChanged`].
    pub async fn begin_run(&self, source: &RunSource) -> Result<Run, LedgerError> {
        let digest = either!(&self.database, database => database.begin_run(source).await?);
        if digest == source.digest {
            self.run(&source.name).await
        } else {
            Err(LedgerError::SourceChanged {
                name: source.name.clone(),
            })
        }
    }

    /// The run of this name.
    pub async fn run(&self, name: &str) -> Result<Run, LedgerError> {
        let row = either!(&self.database, database => database.run(name).await?);
        row.ok_or_else(|| LedgerError::UnknownRun {
            name: name.to_owned(),
        })?
        .read()
    }

    /// All runs, the newest first.
    pub async fn runs(&self) -> Result<Vec<Run>, LedgerError> {
        let rows = either!(&self.database, database => database.runs().await?);
        rows.into_iter().map(RunRow::read).collect()
    }

    /// The export is read to its end: the run's sessions may be called.
    pub async fn end_registering(&self, run: RunId) -> Result<(), LedgerError> {
        either!(&self.database, database => database.end_registering(run).await)
    }

    /// Stops calling this run's sessions. The first cause stands.
    pub async fn pause(&self, run: RunId, cause: PauseCause) -> Result<(), LedgerError> {
        let mut change = self.write().await?;
        either!(&mut change, change => change.pause(run, cause).await?);
        change.commit().await
    }

    /// Goes on with a paused run. What was watched for bursts of failures is forgotten, or it would
    /// pause again at once.
    pub async fn resume(&self, run: RunId) -> Result<(), LedgerError> {
        let mut change = self.write().await?;
        either!(&mut change, change => change.resume(run).await?);
        change.commit().await
    }

    /// The runs whose sessions may be called, the oldest first.
    pub async fn active_runs(&self) -> Result<Vec<RunId>, LedgerError> {
        let runs = either!(&self.database, database => database.active_runs().await?);
        Ok(runs.into_iter().map(RunId).collect())
    }

    /// Moves a run on that has nothing left to call: to `auditing`, and to `finished` once it has
    /// no unresolved attempt. Returns where it stands now.
    pub async fn settle(&self, run: RunId) -> Result<RunState, LedgerError> {
        let state = self.state(run).await?;
        let settling = match state {
            RunState::Active => {
                !either!(long &self.database, database => database.has_open_sessions(run).await?)
            }
            RunState::Auditing => true,
            _ => false,
        };
        if !settling {
            return Ok(state);
        }
        if state == RunState::Active {
            either!(long &self.database, database => database.begin_audit(run).await?);
        }
        either!(&self.database, database => database.end_audit(run).await?);
        self.state(run).await
    }

    async fn state(&self, run: RunId) -> Result<RunState, LedgerError> {
        let state = either!(&self.database, database => database.state(run).await?);
        RunState::from_str(&state).map_err(|_| inconsistent("state", run.0))
    }

    /// Ends every lease at once, on sessions and on roles. For who holds the data folder's lock: nobody else is at work, so
    /// what is leased was left behind by a process that is gone. Not where others may be at work.
    pub async fn void_leases(&self) -> Result<u64, LedgerError> {
        either!(&self.database, database => database.void_leases().await)
    }
}

impl RunRow {
    fn read(self) -> Result<Run, LedgerError> {
        let id = self.id;
        Ok(Run {
            id: RunId(id),
            name: self.name,
            source: self.source,
            state: RunState::from_str(&self.state).map_err(|_| inconsistent("state", id))?,
            pause_cause: self
                .pause_cause
                .map(|cause| PauseCause::from_str(&cause))
                .transpose()
                .map_err(|_| inconsistent("pause_cause", id))?,
            rows_read: self.rows_read.unsigned_abs(),
            began_at: Timestamp::from_millis(self.began_at),
            finished_at: self.finished_at.map(Timestamp::from_millis),
        })
    }
}

fn inconsistent(column: &'static str, row: i64) -> LedgerError {
    LedgerError::Inconsistent {
        table: "runs",
        column,
        row,
    }
}
