//! What is dead.

use sqlx::QueryBuilder;

use super::rows::json_rows;
use super::{SqliteChange, SqliteLedger};
use crate::LedgerError;
use crate::audit_log::DeedId;
use crate::dead::{DeadCountRow, DeadSessionRow, Filter};

impl SqliteLedger {
    pub(crate) async fn count_dead(
        &self,
        filter: &Filter,
    ) -> Result<Vec<DeadCountRow>, LedgerError> {
        let mut query = QueryBuilder::new(
            "/* dead: count */ SELECT run_id, reason, class, error_type, COUNT(*) AS count,
                 MIN(session_id) AS example, MIN(died_at) AS first, MAX(died_at) AS last
             FROM dead_letters AS d WHERE ",
        );
        filter.push(&mut query);
        query.push(" GROUP BY reason, class, error_type, run_id");
        Ok(query.build_query_as().fetch_all(&self.readers).await?)
    }

    pub(crate) async fn dead_sessions(
        &self,
        filter: &Filter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadSessionRow>, LedgerError> {
        // By its id, and not by its kind: what is sorted is read in whole for each page.
        let mut query = QueryBuilder::new(
            "/* dead: sessions */ SELECT d.session_id, d.run_id, s.source_row, d.reason, d.class,
                 d.error_type, d.organization, s.subject, s.email, s.external_id, d.attempts,
                 d.died_at, d.discarded_at
             FROM dead_letters AS d NOT INDEXED JOIN sessions AS s ON s.id = d.session_id WHERE ",
        );
        filter.push(&mut query);
        query.push(" AND d.session_id > ").push_bind(after);
        query.push(" ORDER BY d.session_id LIMIT ").push_bind(limit);
        Ok(query.build_query_as().fetch_all(&self.readers).await?)
    }
}

impl SqliteChange {
    /// At most `limit` dead sessions that fit, behind `after`, in the order of their ids.
    pub(crate) async fn pick_dead(
        &mut self,
        filter: &Filter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<i64>, LedgerError> {
        let mut query = QueryBuilder::new(
            "/* dead: pick */ SELECT d.session_id FROM dead_letters AS d NOT INDEXED WHERE ",
        );
        filter.push(&mut query);
        query.push(" AND d.session_id > ").push_bind(after);
        query.push(" ORDER BY d.session_id LIMIT ").push_bind(limit);
        let picked = query.build_query_scalar();
        Ok(picked.fetch_all(&mut *self.transaction).await?)
    }

    /// Puts those behind `after` aside, at most `limit`; the last one looked at and how many, or `None`
    /// if there is none.
    pub(crate) async fn discard(
        &mut self,
        filter: &Filter,
        deed: DeedId,
        after: i64,
        limit: u32,
    ) -> Result<Option<(i64, u64)>, LedgerError> {
        let picked = self.pick_dead(filter, after, limit).await?;
        let Some(last) = picked.last().copied() else {
            return Ok(None);
        };
        let done = sqlx::query(
            "/* discard */ UPDATE dead_letters SET discarded_at = ?2, look_at = NULL,
                 parked_by = NULL
             WHERE session_id IN (SELECT value FROM json_each(?1)) AND discarded_at IS NULL",
        )
        .bind(json_rows(&picked))
        .bind(self.now.as_millis())
        .execute(&mut *self.transaction)
        .await?;
        let discarded = done.rows_affected();
        self.count_deed(deed, discarded).await?;
        Ok(Some((last, discarded)))
    }

    /// The deed was done to so many more.
    pub(crate) async fn count_deed(
        &mut self,
        deed: DeedId,
        affected: u64,
    ) -> Result<(), LedgerError> {
        sqlx::query(
            "/* audit log: count */ UPDATE audit_log SET affected = affected + ?2 WHERE id = ?1",
        )
        .bind(deed.0)
        .bind(crate::register::signed(affected))
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}
