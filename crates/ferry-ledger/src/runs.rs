//! Begin, pause, resume and finish a run.

use std::str::FromStr;
use std::time::Instant;

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use ferry_core::reason::PauseCause;
use ferry_core::state::RunState;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

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

const COLUMNS: &str = "id, name, source, state, pause_cause, rows_read, began_at, finished_at";

impl Ledger {
    /// The run of this name: begun now, or known from before.
    ///
    /// A known name with another export or column mapping is [`LedgerError::SourceChanged`].
    pub async fn begin_run(&self, source: &RunSource) -> Result<Run, LedgerError> {
        sqlx::query(
            "/* begin_run */ INSERT INTO runs (name, source, source_digest, state, began_at)
             VALUES (?1, ?2, ?3, 'registering', ?4) ON CONFLICT (name) DO NOTHING",
        )
        .bind(&source.name)
        .bind(&source.location)
        .bind(&source.digest[..])
        .bind(self.now().as_millis())
        .execute(&self.writer)
        .await?;
        let digest: Vec<u8> = sqlx::query_scalar(
            "/* begin_run: known? */ SELECT source_digest FROM runs WHERE name = ?1",
        )
        .bind(&source.name)
        .fetch_one(&self.writer)
        .await?;
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
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "/* run */ SELECT {COLUMNS} FROM runs WHERE name = ?1"
        )))
        .bind(name)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref()
            .map(read)
            .transpose()?
            .ok_or_else(|| LedgerError::UnknownRun {
                name: name.to_owned(),
            })
    }

    /// All runs, the newest first.
    pub async fn runs(&self) -> Result<Vec<Run>, LedgerError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "/* runs */ SELECT {COLUMNS} FROM runs ORDER BY id DESC"
        )))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The runs whose sessions may be called, the oldest first.
    pub async fn active_runs(&self) -> Result<Vec<RunId>, LedgerError> {
        let runs: Vec<i64> = sqlx::query_scalar(
            "/* active_runs */ SELECT id FROM runs WHERE state = 'active' ORDER BY id",
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(runs.into_iter().map(RunId).collect())
    }

    /// The export is read to its end: the run's sessions may be called.
    pub async fn end_registering(&self, run: RunId) -> Result<(), LedgerError> {
        let began = Instant::now();
        // Not in a migration: see migrations/sqlite/0003_sessions.sql.
        sqlx::query(
            "/* end_registering: index */ CREATE INDEX IF NOT EXISTS sessions_by_urgency
             ON sessions (run_id, token_expires_at, id)",
        )
        .execute(&self.writer)
        .await?;
        tracing::debug!(run.id = %run, seconds = began.elapsed().as_secs_f64(), "index built");
        sqlx::query(
            "/* end_registering */ UPDATE runs SET state = 'active', registered_at = ?2
             WHERE id = ?1 AND state = 'registering'",
        )
        .bind(run.0)
        .bind(self.now().as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Stops calling this run's sessions. The first cause stands.
    pub async fn pause(&self, run: RunId, cause: PauseCause) -> Result<(), LedgerError> {
        sqlx::query(
            "/* pause */ UPDATE runs SET state = 'paused', pause_cause = ?2
             WHERE id = ?1 AND state = 'active'",
        )
        .bind(run.0)
        .bind(<&str>::from(cause))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Why the run is paused; `None` if it is not.
    pub async fn pause_cause(&self, run: RunId) -> Result<Option<PauseCause>, LedgerError> {
        let cause: Option<String> =
            sqlx::query_scalar("/* pause_cause */ SELECT pause_cause FROM runs WHERE id = ?1")
                .bind(run.0)
                .fetch_one(&self.readers)
                .await?;
        cause
            .map(|cause| PauseCause::from_str(&cause))
            .transpose()
            .map_err(|_| inconsistent("pause_cause", run.0))
    }

    /// Goes on with a paused run.
    pub async fn resume(&self, run: RunId) -> Result<(), LedgerError> {
        sqlx::query(
            "/* resume */ UPDATE runs SET state = 'active', pause_cause = NULL
             WHERE id = ?1 AND state = 'paused'",
        )
        .bind(run.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Moves a run on that has nothing left to call: to `auditing`, and to `finished` once it has
    /// no unresolved attempt. Returns where it stands now.
    pub async fn settle(&self, run: RunId) -> Result<RunState, LedgerError> {
        let state = self.state(run).await?;
        let settling = match state {
            RunState::Active => !self.has_open_sessions(run).await?,
            RunState::Auditing => true,
            _ => false,
        };
        if !settling {
            return Ok(state);
        }
        let mut transaction = self.write().await?;
        if state == RunState::Active {
            sqlx::query(
                "/* settle: audit */ UPDATE runs SET state = 'auditing'
                 WHERE id = ?1 AND state = 'active' AND NOT EXISTS (
                     SELECT 1 FROM sessions
                     WHERE +run_id = ?1 AND state IN ('queued', 'running', 'waiting'))",
            )
            .bind(run.0)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query(
            "/* settle: finish */ UPDATE runs SET state = 'finished', finished_at = ?2
             WHERE id = ?1 AND state = 'auditing' AND NOT EXISTS (
                 SELECT 1 FROM unresolved_attempts WHERE run_id = ?1 AND state = 'unresolved')",
        )
        .bind(run.0)
        .bind(self.now().as_millis())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.state(run).await
    }

    async fn state(&self, run: RunId) -> Result<RunState, LedgerError> {
        let state: String = sqlx::query_scalar("/* state */ SELECT state FROM runs WHERE id = ?1")
            .bind(run.0)
            .fetch_one(&self.readers)
            .await?;
        RunState::from_str(&state).map_err(|_| inconsistent("state", run.0))
    }

    /// Whether any session of the run is not final. On a reader, so that a long look through many
    /// final ones holds no writer up.
    async fn has_open_sessions(&self, run: RunId) -> Result<bool, LedgerError> {
        let waits: bool = sqlx::query_scalar(
            "/* open: waiting? */ SELECT EXISTS (SELECT 1 FROM waiting WHERE run_id = ?1)",
        )
        .bind(run.0)
        .fetch_one(&self.readers)
        .await?;
        let open = sqlx::query_scalar(
            "/* open? */ SELECT EXISTS (SELECT 1 FROM sessions
             WHERE +run_id = ?1 AND state IN ('queued', 'running', 'waiting'))",
        )
        .bind(run.0);
        Ok(waits || open.fetch_one(&self.readers).await?)
    }

    /// Ends every lease at once, on sessions and on roles. For who holds the data folder's lock:
    /// nobody else is at work, so what is leased was left behind by a process that is gone.
    pub async fn void_leases(&self) -> Result<u64, LedgerError> {
        for forget in [
            "/* void_leases: roles */ DELETE FROM leases",
            "/* void_leases: workers */ DELETE FROM workers",
        ] {
            sqlx::query(forget).execute(&self.writer).await?;
        }
        let done = sqlx::query(
            "/* void_leases */ UPDATE sessions SET lease_until = 0 WHERE state = 'running'",
        )
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<Run, LedgerError> {
    let id: i64 = row.get("id");
    let state: &str = row.get("state");
    let cause: Option<&str> = row.get("pause_cause");
    Ok(Run {
        id: RunId(id),
        name: row.get("name"),
        source: row.get("source"),
        state: RunState::from_str(state).map_err(|_| inconsistent("state", id))?,
        pause_cause: cause
            .map(PauseCause::from_str)
            .transpose()
            .map_err(|_| inconsistent("pause_cause", id))?,
        rows_read: row.get::<i64, _>("rows_read").unsigned_abs(),
        began_at: Timestamp::from_millis(row.get("began_at")),
        finished_at: row
            .get::<Option<i64>, _>("finished_at")
            .map(Timestamp::from_millis),
    })
}

fn inconsistent(column: &'static str, row: i64) -> LedgerError {
    LedgerError::Inconsistent {
        table: "runs",
        column,
        row,
    }
}
