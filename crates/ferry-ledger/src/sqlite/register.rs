//! Take in the rows of an export.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, RunId};
use ferry_core::session::Reject;
use sqlx::QueryBuilder;

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;
use crate::register::{Fresh, Known, KnownRow, Registered, RejectRow, milliseconds, signed};

/// Rows in one multi-row statement: beyond some hundreds nothing is gained, and 18 values a row
/// stay below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 500;

impl SqliteChange {
    /// How many records of the run's export are in the ledger. There is one writer: no other
    /// registers until this transaction ends.
    pub(crate) async fn take_turn(&mut self, run: RunId) -> Result<Option<i64>, LedgerError> {
        let rows_read = sqlx::query_scalar(
            "/* register: turn */ SELECT rows_read FROM runs
             WHERE id = ?1 AND state = 'registering'",
        );
        let rows_read = rows_read.bind(run.0);
        Ok(rows_read.fetch_optional(&mut *self.transaction).await?)
    }

    pub(crate) async fn known(&mut self, keys: &[LegacyKey]) -> Result<Vec<KnownRow>, LedgerError> {
        let keys: Vec<_> = keys.iter().map(LegacyKey::to_string).collect();
        let rows = sqlx::query_as(
            "/* register: known? */ SELECT s.legacy_key, s.id, s.run_id, s.state, s.reason,
                 s.token_expires_at, r.state AS run_state
             FROM json_each(?1) AS j
             JOIN sessions AS s ON s.legacy_key = unhex(j.value)
             JOIN runs AS r ON r.id = s.run_id",
        )
        .bind(json_rows(&keys))
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok(rows)
    }

    pub(crate) async fn last_id(&mut self) -> Result<i64, LedgerError> {
        let last =
            sqlx::query_scalar("/* register: last id */ SELECT COALESCE(MAX(id), 0) FROM sessions");
        Ok(last.fetch_one(&mut *self.transaction).await?)
    }

    /// The sessions, and the sealed tokens of those that need one.
    pub(crate) async fn insert_sessions(
        &mut self,
        run: RunId,
        fresh: &[Fresh],
    ) -> Result<(), LedgerError> {
        for chunk in fresh.chunks(ROWS_PER_STATEMENT) {
            self.insert_chunk(run, chunk).await?;
        }
        let sealed: Vec<_> = fresh
            .iter()
            .filter_map(|fresh| Some((fresh.id, fresh.sealed.as_deref()?)))
            .collect();
        for chunk in sealed.chunks(ROWS_PER_STATEMENT) {
            let mut insert =
                QueryBuilder::new("/* register: secrets */ INSERT INTO session_secrets ");
            insert.push_values(chunk, |mut values, (id, token)| {
                values.push_bind(*id).push_bind(*token);
            });
            insert.build().execute(&mut *self.transaction).await?;
        }
        Ok(())
    }

    async fn insert_chunk(&mut self, run: RunId, chunk: &[Fresh]) -> Result<(), LedgerError> {
        let mut insert = QueryBuilder::new(
            "/* register */ INSERT INTO sessions (id, run_id, legacy_key, source_row, organization,
             subject, email, name, external_id, token_expires_at, session_expires_at, idle_timeout,
             last_active_at, absolute_expires_at, custom_claims, state, reason) ",
        );
        insert.push_values(chunk, |mut values, Fresh { id, candidate, .. }| {
            let session = &candidate.session;
            let facts = &session.facts;
            let clock = &facts.clock;
            values
                .push_bind(*id)
                .push_bind(run.0)
                .push_bind(&candidate.key.0[..])
                .push_bind(signed(session.source_row))
                .push_bind(&session.organization)
                .push_bind(&facts.subject)
                .push_bind(&facts.email)
                .push_bind(&facts.name)
                .push_bind(&facts.external_id)
                .push_bind(facts.token_expires_at.as_millis())
                .push_bind(clock.session_expires_at.map(Timestamp::as_millis))
                .push_bind(clock.idle_timeout.map(milliseconds))
                .push_bind(clock.last_active_at.map(Timestamp::as_millis))
                .push_bind(clock.absolute_expires_at.map(Timestamp::as_millis))
                .push_bind(&session.custom_claims)
                .push_bind(candidate.state())
                .push_bind(candidate.skip.map(<&str>::from));
        });
        insert.build().execute(&mut *self.transaction).await?;
        Ok(())
    }

    pub(crate) async fn insert_rejects(
        &mut self,
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
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    pub(crate) async fn count(
        &mut self,
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
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }

    /// Gives known sessions their newer tokens and moves them to this run.
    pub(crate) async fn renew(
        &mut self,
        run: RunId,
        known: &[Known],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        for known in known {
            self.append_taken_over(known.row.id, quiet).await?;
            self.renew_session(run, known).await?;
            sqlx::query(
                "/* revive: secret */ INSERT OR REPLACE INTO session_secrets VALUES (?1, ?2)",
            )
            .bind(known.row.id)
            .bind(&known.sealed)
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(())
    }

    async fn renew_session(&mut self, run: RunId, known: &Known) -> Result<(), LedgerError> {
        let session = &known.candidate.session;
        let facts = &session.facts;
        let clock = &facts.clock;
        sqlx::query(
            "/* revive */ UPDATE sessions SET run_id = ?2, source_row = ?3, subject = ?4, email = ?5,
                 external_id = ?6, token_expires_at = ?7, session_expires_at = ?8, idle_timeout = ?9,
                 last_active_at = ?10, absolute_expires_at = ?11, custom_claims = ?12, name = ?13,
                 state = 'queued', reason = NULL, error_type = NULL, fence = fence + 1,
                 attempt_id = NULL, lease_until = NULL, attempts_spent = 0, unknown_outcomes = 0
             WHERE id = ?1",
        )
        .bind(known.row.id)
        .bind(run.0)
        .bind(signed(session.source_row))
        .bind(&facts.subject)
        .bind(&facts.email)
        .bind(&facts.external_id)
        .bind(facts.token_expires_at.as_millis())
        .bind(clock.session_expires_at.map(Timestamp::as_millis))
        .bind(clock.idle_timeout.map(milliseconds))
        .bind(clock.last_active_at.map(Timestamp::as_millis))
        .bind(clock.absolute_expires_at.map(Timestamp::as_millis))
        .bind(&session.custom_claims)
        .bind(&facts.name)
        .execute(&mut *self.transaction)
        .await?;
        for forget in [
            "/* revive: not waiting */ DELETE FROM waiting WHERE session_id = ?1",
            "/* revive: not dead */ DELETE FROM dead_letters WHERE session_id = ?1",
        ] {
            sqlx::query(forget)
                .bind(known.row.id)
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }

    /// So many sessions of that run are another's now.
    pub(crate) async fn hand_over(&mut self, from: i64, sessions: i64) -> Result<(), LedgerError> {
        sqlx::query(
            "/* revive: hand over */ UPDATE runs SET handed_over = handed_over + ?2 WHERE id = ?1",
        )
        .bind(from)
        .bind(sessions)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

impl SqliteLedger {
    pub(crate) async fn rejects(
        &self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RejectRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* rejects */ SELECT row, line, \"column\", reason FROM rejects
             WHERE run_id = ?1 AND row > ?2 ORDER BY row LIMIT ?3",
        )
        .bind(run.0)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows)
    }
}
