//! One row of the table of rates.

use serde::Serialize;

use crate::measurement::Goal;

/// What was made of a limit.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RateRow {
    pub(crate) part: &'static str,
    pub(crate) processes: u32,
    /// `--rate`, in calls per second.
    pub(crate) requested: u32,
    /// What the simulator lets through in each second; `None`: everything.
    pub(crate) allowed: Option<u32>,
    /// Calls per second that were not refused.
    pub(crate) achieved: f64,
    /// The most calls that left within any second, over all workers.
    pub(crate) fullest_sent: Option<usize>,
    /// The most that arrived within any second.
    pub(crate) fullest_received: u32,
    /// How late calls left, in milliseconds: the middle one, and that of one in a hundred.
    pub(crate) late_milliseconds: Option<(f64, f64)>,
    /// The share of calls that were refused with 429.
    pub(crate) refused: f64,
    pub(crate) goals: Vec<Goal>,
}

const HEAD: &str = "| what | workers | requested/s | allowed/s | achieved/s | fullest second sent | \
fullest second received | late: median, 99 %, ms | 429 | goal |\n\
|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n";

/// The table, in Markdown; nothing for no row.
pub(crate) fn table(rows: &[RateRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let rows = rows.iter().map(RateRow::line).collect::<Vec<_>>();
    format!("\n{HEAD}{}", rows.concat())
}

impl RateRow {
    fn line(&self) -> String {
        let goals: Vec<_> = self.goals.iter().map(Goal::shown).collect();
        let late = self.late_milliseconds;
        format!(
            "| {} | {} | {} | {} | {:.1} | {} | {} | {} | {:.2} % | {} |\n",
            self.part,
            self.processes,
            self.requested,
            shown(self.allowed, |allowed| allowed.to_string()),
            self.achieved,
            shown(self.fullest_sent, |sent| sent.to_string()),
            self.fullest_received,
            shown(late, |(median, late)| format!("{median:.1}, {late:.1}")),
            self.refused * 100.0,
            goals.join("; "),
        )
    }
}

fn shown<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map(show).unwrap_or_default()
}
