//! `ferry runs`.

mod report;

use std::fmt::Write;

use anyhow::{Result, anyhow};
use ferry_core::Timestamp;
use ferry_core::reason::PauseCause;
use ferry_core::state::RunState;
use ferry_ledger::runs::Run;
use ferry_ledger::{Ledger, LedgerError};
use serde::Serialize;

use crate::cli::lookups::RunsCommand;
use crate::cli::{Global, RunsArgs};
use crate::exit::{Coded, Exit};
use crate::place::place;

pub(super) async fn execute(global: Global, args: RunsArgs) -> Result<Exit> {
    if let Some(RunsCommand::Report(report)) = args.command {
        return report::execute(global, &report).await;
    }
    let loaded = global.load()?;
    let ledger = place(&loaded.config)?.look().await?;
    let mut lines = Vec::new();
    for run in ledger.runs().await? {
        lines.push(Line::of(&ledger, run).await?);
    }
    ledger.close().await;
    if args.json {
        for line in &lines {
            println!("{}", serde_json::to_string(line)?);
        }
    } else if lines.is_empty() {
        println!("no runs yet: `ferry run EXPORT` begins one");
    } else {
        print!("{}", table(&lines));
    }
    Ok(Exit::Done)
}

/// A run, as it is listed; its JSON form is documented in docs/report.md.
#[derive(Debug, Serialize)]
struct Line {
    run: String,
    state: RunState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_cause: Option<PauseCause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    began_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    rows: u64,
    open: u64,
    source: String,
}

impl Line {
    async fn of(ledger: &Ledger, run: Run) -> Result<Self> {
        // Counting walks through all sessions: not for a run that has no open ones.
        let open = match run.state {
            RunState::Auditing | RunState::Finished => 0,
            _ => ledger.books(run.id).await?.open(),
        };
        Ok(Self {
            run: run.name,
            state: run.state,
            pause_cause: run.pause_cause,
            remedy: run.pause_cause.map(PauseCause::remedy),
            began_at: seconds(run.began_at),
            finished_at: run.finished_at.map(seconds),
            rows: run.rows_read,
            open,
            source: run.source,
        })
    }
}

/// RFC 3339, to the second.
fn seconds(moment: Timestamp) -> String {
    Timestamp::from_seconds(moment.as_millis().div_euclid(1000)).to_string()
}

fn table(lines: &[Line]) -> String {
    let name_width = lines.iter().map(|line| line.run.chars().count()).max();
    let width = name_width.unwrap_or_default().max("RUN".len());
    let mut table = format!(
        "{:<width$}  {:<11}  {:<20}  {:>9}  {:>9}  SOURCE\n",
        "RUN", "STATE", "BEGAN", "ROWS", "OPEN"
    );
    for line in lines {
        let state = line.state.to_string();
        let _ = writeln!(
            table,
            "{:<width$}  {state:<11}  {:<20}  {:>9}  {:>9}  {}",
            line.run, line.began_at, line.rows, line.open, line.source
        );
        if let Some(cause) = line.pause_cause {
            let _ = writeln!(table, "{:width$}  {cause}: {}", "", cause.remedy());
        }
    }
    table
}

/// Beyond this, two names are alike.
const ALIKE: f64 = 0.7;
/// More names are no help.
const NAMES: usize = 3;

/// The run of this name; if there is none, names that are nearly right are suggested.
pub(super) async fn find(ledger: &Ledger, name: &str) -> Result<Run> {
    match ledger.run(name).await {
        Err(LedgerError::UnknownRun { .. }) => {
            let known = ledger.runs().await?;
            Err(anyhow!(unknown(name, &known)).context(Coded(Exit::Usage)))
        }
        found => Ok(found?),
    }
}

fn unknown(name: &str, known: &[Run]) -> String {
    let likeness = |run: &&Run| strsim::jaro(&run.name, name);
    let mut near: Vec<&Run> = known.iter().filter(|run| likeness(run) > ALIKE).collect();
    near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let near: Vec<_> = near
        .iter()
        .take(NAMES)
        .map(|run| format!("{:?}", run.name))
        .collect();
    if near.is_empty() {
        format!("there is no run {name:?}: `ferry runs` lists them")
    } else {
        format!(
            "there is no run {name:?}; did you mean {}?",
            near.join(" or ")
        )
    }
}
