//! The report of a run: its books, its failures, and what to do.

pub(crate) mod forecast;
pub(crate) mod full;
mod html;
mod markdown;
mod picture;
mod text;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use ferry_core::books::Books;
use ferry_core::id::RunId;
use ferry_core::progress::rate_per_second;
use ferry_core::reason::{DeadReason, SkipReason};
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_ledger::report::FailureCount;
use ferry_ledger::runs::Run;
use serde::Serialize;

use self::forecast::{Forecast, Pace};
use crate::config::Rates;

/// The report; its JSON form is documented in docs/report.md.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    run: String,
    state: RunState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_cause: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    pub(crate) books: Books,
    pub(crate) audit: AuditReport,
    failures: Vec<Failure>,
    duration_seconds: f64,
    rate_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<Forecast>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejects_file: Option<PathBuf>,
}

/// Attempts of unknown outcome, and what came of them.
#[derive(Debug, Serialize)]
pub(crate) struct AuditReport {
    pub(crate) unresolved: u64,
    pub(crate) unverifiable: u64,
    revoked: u64,
    second_look: u64,
    /// Set where a simulator is audited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extra_alive: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Failure {
    state: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    count: u64,
    example_row: u64,
    remedy: &'static str,
}

impl Report {
    /// Reads the run from the ledger. `migrated_before` and `duration` tell the rate.
    pub(crate) async fn of(
        ledger: &Ledger,
        rates: &Rates,
        run: &str,
        migrated_before: u64,
        duration: Duration,
    ) -> Result<Self> {
        let run = ledger.run(run).await?;
        let books = ledger.books(run.id).await?;
        let audit = ledger.audit(run.id).await?;
        let failures = ledger.failures(run.id).await?;
        let forecast = if books.open() > 0 {
            forecast(ledger, rates, run.id).await?
        } else {
            None
        };
        let cause = run.pause_cause;
        Ok(Self {
            run: run.name,
            state: run.state,
            pause_cause: cause.map(Into::into),
            remedy: cause.map(ferry_core::reason::PauseCause::remedy),
            books,
            audit: AuditReport {
                unresolved: audit.unresolved,
                unverifiable: audit.unverifiable,
                revoked: audit.revoked,
                second_look: audit.second_look,
                extra_alive: None,
            },
            failures: failures.into_iter().map(Failure::from).collect(),
            duration_seconds: round(duration.as_secs_f64()),
            rate_per_second: round(rate_per_second(
                books.migrated.saturating_sub(migrated_before),
                duration,
            )),
            forecast,
            rejects_file: None,
        })
    }

    /// The report of a run as it stands, from its beginning to now or to its end.
    pub(crate) async fn of_status(ledger: &Ledger, rates: &Rates, run: &Run) -> Result<Self> {
        let end = run.finished_at.unwrap_or_else(|| ledger.now());
        Self::of(ledger, rates, &run.name, 0, end.since(run.began_at)).await
    }

    pub(crate) fn with_rejects_file(self, rejects_file: Option<PathBuf>) -> Self {
        Self {
            rejects_file,
            ..self
        }
    }

    pub(crate) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            print!("{}", text::render(self));
        }
        Ok(())
    }
}

/// What comes of the open sessions of a run, if anything limits its rate.
async fn forecast(ledger: &Ledger, rates: &Rates, run: RunId) -> Result<Option<Forecast>> {
    let Some(pace) = Pace::of(rates, &ledger.budgets().await?)? else {
        return Ok(None);
    };
    let expiries = ledger.expiries(run).await?;
    Ok(Some(pace.forecast(&expiries, ledger.now())))
}

impl From<FailureCount> for Failure {
    fn from(count: FailureCount) -> Self {
        let remedy = DeadReason::from_str(&count.reason)
            .map(DeadReason::remedy)
            .or_else(|_| SkipReason::from_str(&count.reason).map(SkipReason::remedy));
        Self {
            state: count.state,
            error_type: count.error_type,
            count: count.count,
            example_row: count.example_row,
            remedy: remedy.unwrap_or("see the changelog: a newer version wrote this reason"),
            reason: count.reason,
        }
    }
}

/// The lines of the books: rows in the export, and all that they came to.
fn lines(books: &Books) -> impl Iterator<Item = (&'static str, u64)> {
    let lines = [
        ("rejected", books.rejected),
        ("duplicates", books.duplicates),
        ("queued", books.queued),
        ("running", books.running),
        ("waiting", books.waiting),
        ("migrated", books.migrated),
        ("skipped", books.skipped),
        ("dead", books.dead),
        ("handed over", books.handed_over),
    ];
    let lines = lines.into_iter().filter(|(_, count)| *count > 0);
    std::iter::once(("rows in the export", books.exported)).chain(lines)
}

fn verdict(books: &Books) -> &'static str {
    if books.balance() {
        "the books balance"
    } else {
        "THE BOOKS DO NOT BALANCE"
    }
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
