//! Let dead sessions go again by themselves, once their member exists.

use std::time::Duration;

use sqlx::QueryBuilder;

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;
use crate::audit_log::DeedId;
use crate::dead::Filter;
use crate::park::{ParkableRow, ParkedRow, Parking};

impl SqliteLedger {
    pub(crate) async fn parkable(&self, filter: &Filter) -> Result<ParkableRow, LedgerError> {
        let mut query = QueryBuilder::new(
            "/* park: how many */ SELECT
                 COUNT(*) FILTER (WHERE d.look_at IS NULL AND s.email IS NOT NULL) AS ready,
                 COUNT(*) FILTER (WHERE d.look_at IS NOT NULL) AS parked,
                 COUNT(*) FILTER (WHERE s.email IS NULL) AS nameless
             FROM dead_letters AS d JOIN sessions AS s ON s.id = d.session_id WHERE ",
        );
        filter.push(&mut query);
        Ok(query.build_query_as().fetch_one(&self.readers).await?)
    }

    pub(crate) async fn count_parked(&self, filter: &Filter) -> Result<i64, LedgerError> {
        let mut query = QueryBuilder::new(
            "/* park: count */ SELECT COUNT(*)
             FROM dead_letters AS d INDEXED BY dead_letters_parked
             WHERE d.look_at IS NOT NULL AND ",
        );
        filter.push(&mut query);
        Ok(query.build_query_scalar().fetch_one(&self.readers).await?)
    }

    pub(crate) async fn parked_due(&self, limit: u32) -> Result<Vec<ParkedRow>, LedgerError> {
        let rows = sqlx::query_as(
            "/* park: due */ SELECT d.session_id, d.run_id, d.parked_by, d.organization, s.email,
                 d.reason, r.state AS run_state, s.token_expires_at,
                 x.session_id IS NOT NULL AS has_token, ?1 AS now
             FROM dead_letters AS d INDEXED BY dead_letters_parked
             JOIN sessions AS s ON s.id = d.session_id
             JOIN runs AS r ON r.id = d.run_id
             LEFT JOIN session_secrets AS x ON x.session_id = d.session_id
             WHERE d.look_at <= ?1 ORDER BY d.look_at, d.session_id LIMIT ?2",
        )
        .bind(self.now().as_millis())
        .bind(limit);
        Ok(rows.fetch_all(&self.readers).await?)
    }

    pub(crate) async fn look_for_later(
        &self,
        session: i64,
        after: Duration,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "/* park: later */ UPDATE dead_letters SET look_at = ?2
             WHERE session_id = ?1 AND look_at IS NOT NULL",
        )
        .bind(session)
        .bind(self.now().plus(after).as_millis())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(crate) async fn give_up_parked(
        &self,
        session: i64,
        deed: DeedId,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "/* park: give up */ UPDATE dead_letters SET look_at = NULL, parked_by = NULL
             WHERE session_id = ?1 AND parked_by = ?2",
        )
        .bind(session)
        .bind(deed.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}

impl SqliteChange {
    /// Of these; returns how many it was not so of before.
    pub(crate) async fn change_parking(
        &mut self,
        sessions: &[i64],
        deed: DeedId,
        parking: Parking,
    ) -> Result<u64, LedgerError> {
        let statement = match parking {
            Parking::Park => {
                "/* park */ UPDATE dead_letters SET look_at = ?2, parked_by = ?3
                 WHERE session_id IN (SELECT value FROM json_each(?1)) AND look_at IS NULL
                     AND EXISTS (SELECT 1 FROM sessions AS s
                         WHERE s.id = dead_letters.session_id AND s.email IS NOT NULL)"
            }
            Parking::Unpark => {
                "/* unpark */ UPDATE dead_letters SET look_at = NULL, parked_by = NULL
                 WHERE session_id IN (SELECT value FROM json_each(?1)) AND look_at IS NOT NULL"
            }
        };
        let done = sqlx::query(statement)
            .bind(json_rows(sessions))
            .bind(self.now.as_millis())
            .bind(deed.0)
            .execute(&mut *self.transaction)
            .await?;
        Ok(done.rows_affected())
    }
}
