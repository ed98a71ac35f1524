//! What a replay came to, for people and for programs.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use ferry_core::reason::DeadReason;
use ferry_core::replay::Obstacle;
use ferry_ledger::runs::Run;
use serde::Serialize;

use crate::commands::dead::replayer::{Ended, RunReplayed};
use crate::commands::dead::text::wrapped;
use crate::exit::{Coded, Exit};

/// Its JSON form is documented in docs/dead-letters.md.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) dry_run: bool,
    pub(super) replayable: Vec<ProspectLine>,
    pub(super) hindered: Vec<ProspectLine>,
    pub(super) replayed: u64,
    #[serde(skip)]
    pub(super) limit: Option<u64>,
    pub(super) runs: Vec<RunLine>,
}

#[derive(Debug, Serialize)]
pub(super) struct ProspectLine {
    pub(super) run: String,
    pub(super) reason: String,
    pub(super) count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) obstacle: Option<Obstacle>,
    pub(super) remedy: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct RunLine {
    run: String,
    ended: &'static str,
    replayed: u64,
    outcomes: Vec<OutcomeLine>,
    stopped: Vec<DeadReason>,
    #[serde(skip)]
    how: Ended,
}

#[derive(Debug, Serialize)]
struct OutcomeLine {
    reason: String,
    open: u64,
    migrated: u64,
    skipped: u64,
    dead: u64,
    dead_alike: u64,
}

impl Report {
    /// Adds what was replayed of a run. True if nothing is to follow.
    pub(super) fn add(&mut self, run: &Run, replayed: RunReplayed) -> bool {
        self.replayed += replayed.replayed;
        let outcomes = replayed.outcomes.into_iter().map(|replayed| OutcomeLine {
            reason: replayed.reason,
            open: replayed.outcomes.open,
            migrated: replayed.outcomes.migrated,
            skipped: replayed.outcomes.skipped,
            dead: replayed.outcomes.dead,
            dead_alike: replayed.dead_alike,
        });
        self.runs.push(RunLine {
            run: run.name.clone(),
            ended: match replayed.ended {
                Ended::Done => "done",
                Ended::NoOutcome => "no_outcome",
                Ended::Paused => "paused",
                Ended::Auditing => "auditing",
                Ended::Stopped => "stopped",
            },
            replayed: replayed.replayed,
            outcomes: outcomes.collect(),
            stopped: replayed.stopped,
            how: replayed.ended,
        });
        let at_limit = self.limit.is_some_and(|limit| self.replayed >= limit);
        at_limit || replayed.ended == Ended::Stopped
    }

    pub(super) fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            print!("{}", self.text());
        }
        Ok(())
    }

    /// The worst that any of the runs came to.
    pub(super) fn exit(&self) -> Result<Exit> {
        if self.dry_run {
            return Ok(Exit::Done);
        }
        if self.runs.is_empty() && !self.hindered.is_empty() {
            return Err(
                anyhow!("nothing was replayed: none of these sessions can be")
                    .context(Coded(Exit::Usage)),
            );
        }
        let any = |ended| self.runs.iter().any(|run| run.how == ended);
        let dead = |run: &RunLine| {
            !run.stopped.is_empty() || run.outcomes.iter().any(|outcome| outcome.dead > 0)
        };
        Ok(if any(Ended::Stopped) {
            Exit::Interrupted
        } else if any(Ended::Paused) {
            Exit::Paused
        } else if any(Ended::NoOutcome) {
            Exit::TryLater
        } else if any(Ended::Auditing) {
            Exit::Auditing
        } else if self.runs.iter().any(dead) {
            Exit::DeadLetters
        } else {
            Exit::Done
        })
    }

    fn text(&self) -> String {
        let mut page = String::new();
        if self.replayable.is_empty() && self.hindered.is_empty() {
            return "no dead session fits\n".to_owned();
        }
        if self.dry_run {
            for line in &self.replayable {
                let ProspectLine {
                    count, reason, run, ..
                } = line;
                let _ = writeln!(page, "{count:>9}  {reason} in run {run}: would be replayed");
                page += &wrapped(&format!("if mended: {}", line.remedy), 11);
            }
        }
        for run in &self.runs {
            run.show(&mut page);
        }
        for line in &self.hindered {
            let ProspectLine {
                count, reason, run, ..
            } = line;
            let obstacle = line
                .obstacle
                .map(|obstacle| obstacle.to_string())
                .unwrap_or_default();
            let _ = writeln!(
                page,
                "{count:>9}  {reason} in run {run}: not replayed ({obstacle})"
            );
            page += &wrapped(line.remedy, 11);
        }
        page
    }
}

impl RunLine {
    fn show(&self, page: &mut String) {
        let _ = writeln!(page, "run {}: {} replayed", self.run, self.replayed);
        for outcome in &self.outcomes {
            let OutcomeLine {
                reason,
                migrated,
                dead,
                skipped,
                open,
                ..
            } = outcome;
            let _ = writeln!(
                page,
                "  {reason}: {migrated} migrated, {dead} dead again, {skipped} skipped, {open} open"
            );
        }
        for reason in &self.stopped {
            let none = format!(
                "{reason}: none of the first was carried, so the others were left as they are; to do: {}",
                reason.remedy()
            );
            page.push_str(&wrapped(&none, 2));
        }
        let told = match self.how {
            Ended::Done => return,
            Ended::NoOutcome => {
                "those that went first have no outcome yet, so no other followed: do workers run? \
                 The same command goes on with the others."
            }
            Ended::Paused => "the run was paused or cancelled meanwhile: see `ferry runs`.",
            Ended::Auditing => {
                "attempts of unknown outcome are still to be looked up: `ferry sweep`, when due."
            }
            Ended::Stopped => "stopped: the same command goes on.",
        };
        page.push_str(&wrapped(told, 2));
    }
}
