//! The full report of a run: the report, and what came of its sessions over time.

use std::fmt::Write;

use anyhow::Result;
use ferry_core::Timestamp;
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_ledger::runs::Run;
use ferry_ledger::timeline::{Series, Timeline};
use serde::Serialize;

use super::{Report, html, markdown, picture, text};
use crate::config::Rates;

/// Bars of a picture: each is seen on a screen, and a line of them fits into a terminal.
const SPANS: u32 = 60;

/// The full report; its JSON form is documented in docs/report.md.
#[derive(Debug, Serialize)]
pub(crate) struct FullReport {
    #[serde(flatten)]
    pub(super) report: Report,
    pub(super) source: String,
    pub(super) began_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finished_at: Option<String>,
    pub(super) as_of: String,
    pub(super) still_going: bool,
    /// Sessions carried and attempts failed, in the same spans of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) over_time: Option<OverTime>,
    /// When the Stytch sessions end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ends: Option<Spans>,
}

#[derive(Debug, Serialize)]
pub(super) struct OverTime {
    pub(super) carried: Spans,
    pub(super) failed_attempts: Spans,
}

/// Spans in equal spans of time.
#[derive(Debug, Serialize)]
pub(super) struct Spans {
    pub(super) from: String,
    pub(super) until: String,
    pub(super) span_seconds: f64,
    pub(super) counts: Vec<u64>,
    #[serde(skip)]
    pub(super) timeline: Timeline,
}

impl FullReport {
    pub(crate) async fn of(ledger: &Ledger, rates: &Rates, run: &Run) -> Result<Self> {
        let report = Report::of_status(ledger, rates, run).await?;
        Ok(Self {
            source: run.source.clone(),
            began_at: seconds(run.began_at),
            finished_at: run.finished_at.map(seconds),
            as_of: seconds(ledger.now()),
            still_going: !matches!(report.state, RunState::Finished | RunState::Cancelled),
            over_time: over_time(ledger, run).await?,
            ends: ends(ledger, run).await?,
            report,
        })
    }

    pub(crate) fn markdown(&self) -> String {
        markdown::render(self)
    }

    pub(crate) fn html(&self) -> String {
        html::render(self)
    }

    /// For a terminal.
    pub(crate) fn text(&self) -> String {
        let mut page = String::new();
        if let Some(notice) = self.notice() {
            let _ = writeln!(page, "{notice}\n");
        }
        page += &text::render(&self.report);
        if let Some(over_time) = &self.over_time {
            let Spans { from, until, .. } = &over_time.carried;
            let _ = writeln!(page, "\nfrom {from} to {until}");
            let _ = writeln!(
                page,
                "  carried  {}",
                picture::line(&over_time.carried.counts)
            );
            let failed = &over_time.failed_attempts.counts;
            let _ = writeln!(page, "  failed   {}", picture::line(failed));
        }
        if let Some(ends) = &self.ends {
            let _ = writeln!(page, "\nsessions end from {} to {}", ends.from, ends.until);
            let _ = writeln!(page, "           {}", picture::line(&ends.counts));
        }
        page
    }

    /// What a reader must know first.
    pub(super) fn notice(&self) -> Option<String> {
        let as_of = &self.as_of;
        self.still_going
            .then(|| format!("This run is still going: the figures are those of {as_of}."))
    }
}

async fn over_time(ledger: &Ledger, run: &Run) -> Result<Option<OverTime>> {
    let carried = ledger.extent(run.id, Series::Carried).await?;
    let failed = ledger.extent(run.id, Series::Failed).await?;
    let extents = || carried.into_iter().chain(failed);
    let first = extents().map(|(first, _)| first).min();
    let last = extents().map(|(_, last)| last).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(None);
    };
    let extent = (first, last);
    let carried = ledger.timeline(run.id, Series::Carried, extent, SPANS);
    let carried = carried.await?.into();
    let failed = ledger.timeline(run.id, Series::Failed, extent, SPANS);
    Ok(Some(OverTime {
        carried,
        failed_attempts: failed.await?.into(),
    }))
}

async fn ends(ledger: &Ledger, run: &Run) -> Result<Option<Spans>> {
    let Some(extent) = ledger.extent(run.id, Series::Ends).await? else {
        return Ok(None);
    };
    let ends = ledger.timeline(run.id, Series::Ends, extent, SPANS).await?;
    Ok(Some(ends.into()))
}

impl From<Timeline> for Spans {
    fn from(timeline: Timeline) -> Self {
        let spans = i64::try_from(timeline.counts.len()).unwrap_or(i64::MAX);
        let until = timeline.span_millis.saturating_mul(spans);
        let until = timeline.from.as_millis().saturating_add(until);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a span of a run is far below 2^52 milliseconds"
        )]
        let span_seconds = timeline.span_millis as f64 / 1000.0;
        Self {
            from: seconds(timeline.from),
            until: seconds(Timestamp::from_millis(until)),
            span_seconds,
            counts: timeline.counts.clone(),
            timeline,
        }
    }
}

/// RFC 3339, to the second.
pub(super) fn seconds(moment: Timestamp) -> String {
    Timestamp::from_seconds(moment.as_millis().div_euclid(1000)).to_string()
}
