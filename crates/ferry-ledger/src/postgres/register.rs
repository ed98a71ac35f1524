//! Take in the rows of an export.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, RunId};
use ferry_core::session::Reject;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;
use crate::register::{
    Candidate, Fresh, Known, KnownRow, Registered, RejectRow, milliseconds, signed,
};

/// The advisory lock of whoever registers: "ferry" in ASCII.
const REGISTRARS: i64 = 0x66_65_72_72_79;

/// What a known session is told by. The row in the ledger, not the one that the statement began with.
const KNOWN: &str = "SELECT s.legacy_key, s.id, s.run_id, s.state, s.reason, s.token_expires_at,
        (SELECT state FROM runs WHERE id = s.run_id) AS run_state
    FROM sessions AS s";

impl PostgresChange {
    /// Waits until nobody else registers; then how many records of the run's export are in the
    /// ledger, or `None` if it is not being registered any more. Until this transaction ends nobody
    /// else registers, and who cancels the run waits: what is added now would escape it.
    pub(crate) async fn take_turn(&mut self, run: RunId) -> Result<Option<i64>, LedgerError> {
        sqlx::query("/* register: turn */ SELECT pg_advisory_xact_lock($1)")
            .bind(REGISTRARS)
            .execute(&mut *self.transaction)
            .await?;
        let rows_read = sqlx::query_scalar(
            "/* register: how far? */ SELECT rows_read FROM runs
             WHERE id = $1 AND state = 'registering' FOR NO KEY UPDATE",
        );
        let rows_read = rows_read.bind(run.0);
        Ok(rows_read.fetch_optional(&mut *self.transaction).await?)
    }

    /// Commits what was done, and goes on in a new transaction.
    pub(crate) async fn commit_so_far(&mut self) -> Result<(), LedgerError> {
        sqlx::query("COMMIT AND CHAIN")
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    pub(crate) async fn known(&mut self, keys: &[LegacyKey]) -> Result<Vec<KnownRow>, LedgerError> {
        let keys: Vec<_> = keys.iter().map(|key| &key.0[..]).collect();
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "/* register: known? */ {KNOWN} WHERE legacy_key = ANY($1)"
        )));
        Ok(rows.bind(keys).fetch_all(&mut *self.transaction).await?)
    }

    /// Keeps these sessions until the end, and looks at them again.
    pub(crate) async fn hold(&mut self, ids: &[i64]) -> Result<Vec<KnownRow>, LedgerError> {
        self.lock(ids).await?;
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "/* register: held */ {KNOWN} WHERE id = ANY($1)"
        )));
        Ok(rows.bind(ids).fetch_all(&mut *self.transaction).await?)
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
        if fresh.is_empty() {
            return Ok(());
        }
        let each = || fresh.iter().map(|fresh| &fresh.candidate);
        let rows = Columns::of(each());
        sqlx::query(
            "/* register */ INSERT INTO sessions (run_id, id, source_row, token_expires_at,
                 session_expires_at, idle_timeout, last_active_at, absolute_expires_at, subject,
                 email, name, external_id, custom_claims, legacy_key, organization, state, reason)
             SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                 $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[],
                 $12::text[], $13::text[], $14::bytea[], $15::text[], $16::text[], $17::text[])",
        )
        .bind(run.0)
        .bind(fresh.iter().map(|fresh| fresh.id).collect::<Vec<_>>())
        .bind(rows.source_row)
        .bind(rows.token_expires_at)
        .bind(rows.session_expires_at)
        .bind(rows.idle_timeout)
        .bind(rows.last_active_at)
        .bind(rows.absolute_expires_at)
        .bind(rows.subject)
        .bind(rows.email)
        .bind(rows.name)
        .bind(rows.external_id)
        .bind(rows.custom_claims)
        .bind(each().map(|c| &c.key.0[..]).collect::<Vec<_>>())
        .bind(
            each()
                .map(|c| c.session.organization.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(each().map(Candidate::state).collect::<Vec<_>>())
        .bind(each().map(|c| c.skip.map(<&str>::from)).collect::<Vec<_>>())
        .execute(&mut *self.transaction)
        .await?;
        let sealed = fresh
            .iter()
            .filter_map(|fresh| Some((fresh.id, fresh.sealed.as_deref()?)));
        self.put_secrets(sealed).await
    }

    async fn put_secrets<'t>(
        &mut self,
        sealed: impl Iterator<Item = (i64, &'t [u8])>,
    ) -> Result<(), LedgerError> {
        let (ids, tokens): (Vec<_>, Vec<_>) = sealed.unzip();
        sqlx::query(
            "/* register: secrets */ INSERT INTO session_secrets (session_id, token)
             SELECT * FROM unnest($1::bigint[], $2::bytea[])
             ON CONFLICT (session_id) DO UPDATE SET token = excluded.token",
        )
        .bind(ids)
        .bind(tokens)
        .execute(&mut *self.transaction)
        .await?;
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
        let column = rejects.iter().map(|r| r.column.as_deref());
        sqlx::query(
            "/* register: rejects */ INSERT INTO rejects (run_id, \"row\", line, \"column\", reason)
             SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[])",
        )
        .bind(run.0)
        .bind(rejects.iter().map(|r| signed(r.row)).collect::<Vec<_>>())
        .bind(rejects.iter().map(|r| signed(r.line)).collect::<Vec<_>>())
        .bind(column.collect::<Vec<_>>())
        .bind(
            rejects
                .iter()
                .map(|r| r.reason.as_str())
                .collect::<Vec<_>>(),
        )
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
            "/* register: count */ UPDATE runs SET rows_read = rows_read + $2,
             rejected = rejected + $3, duplicates = duplicates + $4 WHERE id = $1",
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
        let ids: Vec<_> = known.iter().map(|known| known.row.id).collect();
        self.append_taken_over(&ids, quiet).await?;
        let rows = Columns::of(known.iter().map(|known| &known.candidate));
        sqlx::query(
            "/* revive */ WITH forgotten AS (DELETE FROM waiting WHERE session_id = ANY($2)),
             letters AS (DELETE FROM dead_letters WHERE session_id = ANY($2))
             UPDATE sessions AS s SET run_id = $1, source_row = n.source_row,
                 token_expires_at = n.token_expires_at, session_expires_at = n.session_expires_at,
                 idle_timeout = n.idle_timeout, last_active_at = n.last_active_at,
                 absolute_expires_at = n.absolute_expires_at, subject = n.subject, email = n.email,
                 name = n.name, external_id = n.external_id, custom_claims = n.custom_claims,
                 state = 'queued', reason = NULL, error_type = NULL, fence = fence + 1,
                 attempt_id = NULL, lease_until = NULL, attempts_spent = 0, unknown_outcomes = 0
             FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
                 $13::text[])
                 AS n (id, source_row, token_expires_at, session_expires_at, idle_timeout,
                     last_active_at, absolute_expires_at, subject, email, name, external_id,
                     custom_claims)
             WHERE s.id = n.id",
        )
        .bind(run.0)
        .bind(&ids)
        .bind(rows.source_row)
        .bind(rows.token_expires_at)
        .bind(rows.session_expires_at)
        .bind(rows.idle_timeout)
        .bind(rows.last_active_at)
        .bind(rows.absolute_expires_at)
        .bind(rows.subject)
        .bind(rows.email)
        .bind(rows.name)
        .bind(rows.external_id)
        .bind(rows.custom_claims)
        .execute(&mut *self.transaction)
        .await?;
        let sealed = known.iter().map(|known| (known.row.id, &known.sealed[..]));
        self.put_secrets(sealed).await
    }

    /// So many sessions of that run are another's now.
    pub(crate) async fn hand_over(&mut self, from: i64, sessions: i64) -> Result<(), LedgerError> {
        sqlx::query(
            "/* revive: hand over */ UPDATE runs SET handed_over = handed_over + $2 WHERE id = $1",
        )
        .bind(from)
        .bind(sessions)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

/// What a newer row brings, a list a column.
#[derive(Default)]
struct Columns<'c> {
    source_row: Vec<i64>,
    token_expires_at: Vec<i64>,
    session_expires_at: Vec<Option<i64>>,
    idle_timeout: Vec<Option<i64>>,
    last_active_at: Vec<Option<i64>>,
    absolute_expires_at: Vec<Option<i64>>,
    subject: Vec<Option<&'c str>>,
    email: Vec<Option<&'c str>>,
    name: Vec<Option<&'c str>>,
    external_id: Vec<Option<&'c str>>,
    custom_claims: Vec<Option<&'c str>>,
}

impl<'c> Columns<'c> {
    fn of(candidates: impl Iterator<Item = &'c Candidate>) -> Self {
        let mut columns = Self::default();
        for Candidate { session, .. } in candidates {
            let facts = &session.facts;
            let clock = &facts.clock;
            let time = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
            columns.source_row.push(signed(session.source_row));
            columns
                .token_expires_at
                .push(facts.token_expires_at.as_millis());
            columns
                .session_expires_at
                .push(time(clock.session_expires_at));
            columns
                .idle_timeout
                .push(clock.idle_timeout.map(milliseconds));
            columns.last_active_at.push(time(clock.last_active_at));
            columns
                .absolute_expires_at
                .push(time(clock.absolute_expires_at));
            columns.subject.push(facts.subject.as_deref());
            columns.email.push(facts.email.as_deref());
            columns.name.push(facts.name.as_deref());
            columns.external_id.push(facts.external_id.as_deref());
            columns.custom_claims.push(session.custom_claims.as_deref());
        }
        columns
    }
}

impl PostgresLedger {
    pub(crate) async fn rejects(
        &self,
        run: RunId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RejectRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* rejects */ SELECT \"row\", line, \"column\", reason FROM rejects
             WHERE run_id = $1 AND \"row\" > $2 ORDER BY \"row\" LIMIT $3",
        )
        .bind(run.0)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }
}
