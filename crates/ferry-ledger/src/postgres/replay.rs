//! Give dead sessions another chance.

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use sqlx::QueryBuilder;

use super::{PostgresChange, PostgresLedger};
use crate::LedgerError;
use crate::audit_log::DeedId;
use crate::dead::Filter;
use crate::replay::{HeldDead, ProspectsRow, ReplayedRow, Revival};

impl PostgresLedger {
    pub(crate) async fn prospects(
        &self,
        filter: &Filter,
    ) -> Result<Vec<ProspectsRow>, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let mut query = QueryBuilder::new(
            "/* replay: prospects */ SELECT d.run_id, d.reason, r.state AS run_state,
                 s.token_expires_at <= (SELECT ferry_now()) AS expired,
                 x.session_id IS NOT NULL AS has_token, COUNT(*) AS count
             FROM dead_letters AS d
             JOIN runs AS r ON r.id = d.run_id
             JOIN sessions AS s ON s.id = d.session_id
             LEFT JOIN session_secrets AS x ON x.session_id = d.session_id
             WHERE ",
        );
        filter.push(&mut query);
        query.push(" GROUP BY 1, 2, 3, 4, 5");
        let rows = query.build_query_as().fetch_all(&mut *snapshot).await?;
        snapshot.commit().await?;
        Ok(rows)
    }

    pub(crate) async fn replayed(&self, deed: DeedId) -> Result<Vec<ReplayedRow>, LedgerError> {
        let mut snapshot = self.look_through().await?;
        let rows = sqlx::query_as(
            "/* replay: outcomes */ SELECT p.reason, s.state,
                 s.state = 'dead' AND s.reason = p.reason AS alike, COUNT(*) AS count
             FROM replays AS p JOIN sessions AS s ON s.id = p.session_id
             WHERE p.audit_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        )
        .bind(deed.0)
        .fetch_all(&mut *snapshot)
        .await?;
        snapshot.commit().await?;
        Ok(rows)
    }
}

impl PostgresChange {
    /// The time, the run's state, and those of the sessions that are the run's dead and were not
    /// replayed by this deed. Sessions and run are kept until the end, in this order: who registers
    /// takes them so, too.
    pub(crate) async fn hold_dead(
        &mut self,
        sessions: &[i64],
        run: RunId,
        deed: DeedId,
    ) -> Result<(Timestamp, String, Vec<HeldDead>), LedgerError> {
        self.lock(sessions).await?;
        let (now, state): (i64, String) = sqlx::query_as(
            "/* replay: run */ SELECT ferry_now(), state FROM runs WHERE id = $1
             FOR NO KEY UPDATE",
        )
        .bind(run.0)
        .fetch_one(&mut *self.transaction)
        .await?;
        let held = sqlx::query_as(
            "/* replay: look */ SELECT d.session_id, d.reason, s.token_expires_at,
                 x.session_id IS NOT NULL AS has_token, d.parked_by
             FROM dead_letters AS d
             JOIN sessions AS s ON s.id = d.session_id AND s.state = 'dead'
             LEFT JOIN session_secrets AS x ON x.session_id = d.session_id
             WHERE d.session_id = ANY($1) AND d.run_id = $2 AND NOT EXISTS (
                 SELECT FROM replays AS p WHERE p.session_id = d.session_id AND p.audit_id = $3)
             ORDER BY d.session_id",
        )
        .bind(sessions)
        .bind(run.0)
        .bind(deed.0)
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok((Timestamp::from_millis(now), state, held))
    }

    pub(crate) async fn replay(
        &mut self,
        run: RunId,
        deed: DeedId,
        revivals: &[Revival],
    ) -> Result<(), LedgerError> {
        let sessions: Vec<_> = revivals.iter().map(|revival| revival.session).collect();
        let due: Vec<_> = revivals.iter().map(|revival| revival.due_at).collect();
        sqlx::query(
            "/* replay */ WITH again AS MATERIALIZED (
                 SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS a (id, due_at)),
             letters AS (
                 DELETE FROM dead_letters USING again WHERE session_id = id
                 RETURNING session_id, reason, error_type, died_at),
             history AS (
                 INSERT INTO replays (session_id, generation, audit_id, replayed_at, reason,
                     error_type, died_at)
                 SELECT session_id, 1 + COALESCE((SELECT MAX(generation) FROM replays AS p
                     WHERE p.session_id = letters.session_id), 0), $3, ferry_now(), reason,
                     error_type, died_at
                 FROM letters),
             waits AS (
                 INSERT INTO waiting (session_id, run_id, due_at)
                 SELECT id, $4, due_at FROM again WHERE due_at IS NOT NULL),
             run AS (
                 UPDATE runs SET state = 'active', finished_at = NULL, replays = replays + 1
                 WHERE id = $4)
             UPDATE sessions AS s SET
                 state = CASE WHEN due_at IS NULL THEN 'queued' ELSE 'waiting' END,
                 reason = NULL, error_type = NULL, attempts_spent = 0, unknown_outcomes = 0
             FROM again WHERE s.id = again.id",
        )
        .bind(&sessions)
        .bind(due)
        .bind(deed.0)
        .bind(run.0)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
