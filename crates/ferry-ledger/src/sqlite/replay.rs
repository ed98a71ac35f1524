//! Give dead sessions another chance.

use ferry_core::Timestamp;
use ferry_core::id::RunId;
use sqlx::QueryBuilder;

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;
use crate::audit_log::DeedId;
use crate::dead::Filter;
use crate::replay::{HeldDead, ProspectsRow, ReplayedRow, Revival};

impl SqliteLedger {
    pub(crate) async fn prospects(
        &self,
        filter: &Filter,
    ) -> Result<Vec<ProspectsRow>, LedgerError> {
        let mut query = QueryBuilder::new(
            "/* replay: prospects */ SELECT d.run_id, d.reason, r.state AS run_state,
                 s.token_expires_at <= ",
        );
        query.push_bind(self.now().as_millis());
        query.push(
            " AS expired, x.session_id IS NOT NULL AS has_token, COUNT(*) AS count
             FROM dead_letters AS d
             JOIN runs AS r ON r.id = d.run_id
             JOIN sessions AS s ON s.id = d.session_id
             LEFT JOIN session_secrets AS x ON x.session_id = d.session_id
             WHERE ",
        );
        filter.push(&mut query);
        query.push(" GROUP BY 1, 2, 3, 4, 5");
        Ok(query.build_query_as().fetch_all(&self.readers).await?)
    }

    pub(crate) async fn replayed(&self, deed: DeedId) -> Result<Vec<ReplayedRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* replay: outcomes */ SELECT p.reason, s.state,
                 s.state = 'dead' AND s.reason = p.reason AS alike, COUNT(*) AS count
             FROM replays AS p JOIN sessions AS s ON s.id = p.session_id
             WHERE p.audit_id = ?1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        );
        Ok(rows.bind(deed.0).fetch_all(&self.readers).await?)
    }
}

impl SqliteChange {
    /// The time, the run's state, and those of the sessions that are the run's dead and were not
    /// replayed by this deed.
    pub(crate) async fn hold_dead(
        &mut self,
        sessions: &[i64],
        run: RunId,
        deed: DeedId,
    ) -> Result<(Timestamp, String, Vec<HeldDead>), LedgerError> {
        let state = sqlx::query_scalar("/* replay: run */ SELECT state FROM runs WHERE id = ?1")
            .bind(run.0)
            .fetch_one(&mut *self.transaction)
            .await?;
        let held = sqlx::query_as(
            "/* replay: look */ SELECT d.session_id, d.reason, s.token_expires_at,
                 x.session_id IS NOT NULL AS has_token, d.parked_by
             FROM json_each(?1) AS j
             JOIN dead_letters AS d ON d.session_id = j.value AND d.run_id = ?2
             JOIN sessions AS s ON s.id = d.session_id AND s.state = 'dead'
             LEFT JOIN session_secrets AS x ON x.session_id = d.session_id
             WHERE NOT EXISTS (
                 SELECT 1 FROM replays AS p WHERE p.session_id = d.session_id AND p.audit_id = ?3)
             ORDER BY d.session_id",
        )
        .bind(json_rows(sessions))
        .bind(run.0)
        .bind(deed.0)
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok((self.now, state, held))
    }

    pub(crate) async fn replay(
        &mut self,
        run: RunId,
        deed: DeedId,
        revivals: &[Revival],
    ) -> Result<(), LedgerError> {
        let rows: Vec<_> = revivals
            .iter()
            .map(|revival| (revival.session, revival.due_at, deed.0, run.0))
            .collect();
        for statement in [
            "/* replay: history */ INSERT INTO replays (session_id, generation, audit_id, replayed_at,
                 reason, error_type, died_at)
             SELECT d.session_id, 1 + COALESCE((SELECT MAX(generation) FROM replays AS p
                 WHERE p.session_id = d.session_id), 0), value ->> 2, ?2, reason, error_type, died_at
             FROM json_each(?1) JOIN dead_letters AS d ON d.session_id = value ->> 0",
            "/* replay: letters */ DELETE FROM dead_letters
             WHERE session_id IN (SELECT value ->> 0 FROM json_each(?1))",
            "/* replay: waits */ INSERT INTO waiting (session_id, run_id, due_at)
             SELECT value ->> 0, value ->> 3, value ->> 1 FROM json_each(?1)
             WHERE value ->> 1 IS NOT NULL",
            "/* replay */ UPDATE sessions SET
                 state = CASE WHEN value ->> 1 IS NULL THEN 'queued' ELSE 'waiting' END,
                 reason = NULL, error_type = NULL, attempts_spent = 0, unknown_outcomes = 0
             FROM json_each(?1) WHERE sessions.id = value ->> 0",
        ] {
            self.for_each_row(statement, &rows).await?;
        }
        sqlx::query(
            "/* replay: run */ UPDATE runs SET state = 'active', finished_at = NULL WHERE id = ?1",
        )
        .bind(run.0)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
