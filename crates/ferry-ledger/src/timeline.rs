//! What came of a run's sessions, over time.

use ferry_core::Timestamp;
use ferry_core::id::RunId;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// What is counted over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// Sessions, when they were carried.
    Carried,
    /// Attempts that did not simply succeed, when they ended.
    Failed,
    /// Stytch sessions of the run, when they end.
    Ends,
}

/// Counts in equal spans of time, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// When the first span begins.
    pub from: Timestamp,
    /// How long each span is, in milliseconds; at least 1.
    pub span_millis: i64,
    /// One count a span.
    pub counts: Vec<u64>,
}

impl Ledger {
    /// When the first and the last of the series was; `None` if there is none. Reads the whole
    /// series.
    pub async fn extent(
        &self,
        run: RunId,
        series: Series,
    ) -> Result<Option<(Timestamp, Timestamp)>, LedgerError> {
        let extent = either!(long &self.database, database => database.extent(run, series).await?);
        let (Some(first), Some(last)) = extent else {
            return Ok(None);
        };
        Ok(Some((
            Timestamp::from_millis(first),
            Timestamp::from_millis(last),
        )))
    }

    /// The series from `first` to `last` in this many spans. What lies outside is not counted.
    /// Reads the whole series.
    pub async fn timeline(
        &self,
        run: RunId,
        series: Series,
        (first, last): (Timestamp, Timestamp),
        spans: u32,
    ) -> Result<Timeline, LedgerError> {
        let (from, until) = (first.as_millis(), last.as_millis());
        // `last` itself is to lie in the last span.
        let span_millis = until.saturating_sub(from).max(0) / i64::from(spans.max(1)) + 1;
        let rows = either!(long &self.database, database => {
            database.timeline(run, series, from, span_millis).await?
        });
        let mut counts = vec![0; spans.max(1) as usize];
        for (span, count) in rows {
            let span = usize::try_from(span).ok();
            if let Some(slot) = span.and_then(|span| counts.get_mut(span)) {
                *slot += count.unsigned_abs();
            }
        }
        Ok(Timeline {
            from: first,
            span_millis,
            counts,
        })
    }
}
