//! Lease sessions to a worker.

use std::time::Duration;

use ferry_core::Timestamp;

use super::SqliteChange;
use super::rows::json_rows;
use crate::LedgerError;
use crate::claim::{ClaimRow, Grant, Postponed};

impl SqliteChange {
    /// The time, and those of the sessions that there are.
    pub(crate) async fn look(
        &mut self,
        ids: &[i64],
    ) -> Result<(Timestamp, Vec<ClaimRow>), LedgerError> {
        let rows = sqlx::query_as(
            "/* claim: look */ SELECT s.*, r.state AS run_state, w.due_at, x.token
             FROM json_each(?1) AS j
             JOIN sessions AS s ON s.id = j.value
             JOIN runs AS r ON r.id = s.run_id
             LEFT JOIN waiting AS w ON w.session_id = s.id
             LEFT JOIN session_secrets AS x ON x.session_id = s.id",
        )
        .bind(json_rows(ids))
        .fetch_all(&mut *self.transaction)
        .await?;
        Ok((self.now, rows))
    }

    pub(crate) async fn grant(
        &mut self,
        grants: &[Grant],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        for grant in grants.iter().filter(|grant| grant.taken_over) {
            self.append_taken_over(grant.session, quiet).await?;
        }
        let leases: Vec<_> = grants
            .iter()
            .map(|grant| {
                (
                    grant.session,
                    grant.attempt.to_string(),
                    grant.until.as_millis(),
                )
            })
            .collect();
        let leases = json_rows(&leases);
        sqlx::query(
            "/* claim */ UPDATE sessions SET
                 unknown_outcomes = unknown_outcomes + (state = 'running'), state = 'running',
                 fence = fence + 1, attempt_id = unhex(j.value ->> 1), lease_until = j.value ->> 2
             FROM json_each(?1) AS j WHERE sessions.id = j.value ->> 0",
        )
        .bind(&leases)
        .execute(&mut *self.transaction)
        .await?;
        sqlx::query(
            "/* claim: not waiting */ DELETE FROM waiting
             WHERE session_id IN (SELECT value ->> 0 FROM json_each(?1))",
        )
        .bind(&leases)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
    /// Those that were taken over are fenced, as by a grant: their holders may still come.
    pub(crate) async fn postpone(
        &mut self,
        postponed: &[Postponed],
        quiet: Duration,
    ) -> Result<(), LedgerError> {
        for postponed in postponed.iter().filter(|postponed| postponed.taken_over) {
            self.append_taken_over(postponed.session, quiet).await?;
        }
        let rows: Vec<_> = postponed
            .iter()
            .map(|postponed| (postponed.session, postponed.run, postponed.due_at))
            .collect();
        let rows = json_rows(&rows);
        for statement in [
            "/* claim: postpone */ UPDATE sessions SET
                 unknown_outcomes = unknown_outcomes + (state = 'running'),
                 fence = fence + (state = 'running'),
                 state = 'waiting', attempt_id = NULL, lease_until = NULL
             FROM json_each(?1) AS j WHERE sessions.id = j.value ->> 0",
            "/* claim: waiting */ INSERT OR REPLACE INTO waiting (session_id, run_id, due_at)
             SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)",
        ] {
            sqlx::query(statement)
                .bind(&rows)
                .execute(&mut *self.transaction)
                .await?;
        }
        Ok(())
    }
}
