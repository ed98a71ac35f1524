//! `ferry pause`, `ferry resume`, `ferry cancel`: beside whoever works on the run.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, anyhow};
use ferry_core::reason::PauseCause;
use ferry_core::state::RunState;
use ferry_ledger::audit_log::Action;
use ferry_ledger::runs::Run;
use serde::Serialize;

use super::runs::find;
use crate::cli::{CancelArgs, Global, PauseArgs, ResumeArgs};
use crate::exit::{Coded, Exit};
use crate::operator;
use crate::place::{Place, place};

pub(super) async fn pause(global: Global, args: &PauseArgs) -> Result<Exit> {
    let ledger = place(&global.load()?.config)?.look().await?;
    let before = find(&ledger, &args.run).await?;
    ledger.pause(before.id, PauseCause::Operator).await?;
    ledger
        .note_deed(&operator::who(), Action::Pause, &before.name, 0)
        .await?;
    // Not what was asked for, but what came of it: the run may have ended meanwhile.
    let after = ledger.run(&before.name).await?;
    ledger.close().await;
    let RunState::Paused = after.state else {
        return refused(&after, "only an active run can be paused");
    };
    let cause = after.pause_cause.unwrap_or(PauseCause::Operator);
    if cause != PauseCause::Operator {
        let told = format!("is paused already ({cause}): {}", cause.remedy());
        tell(&after, args.json, &told)?;
    } else if before.state == RunState::Paused {
        tell(&after, args.json, "is paused already")?;
    } else {
        let told = format!(
            "is paused: what is in flight is finished, nothing else is called\nuntil `ferry resume {}`",
            after.name
        );
        tell(&after, args.json, &told)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn resume(global: Global, args: &ResumeArgs) -> Result<Exit> {
    let place = place(&global.load()?.config)?;
    let who = match place {
        Place::Embedded { .. } => "`ferry run` on the same export goes on with it",
        Place::Fleet(_) => "the workers go on with it",
    };
    let ledger = place.look().await?;
    let before = find(&ledger, &args.run).await?;
    ledger.resume(before.id).await?;
    ledger
        .note_deed(&operator::who(), Action::Resume, &before.name, 0)
        .await?;
    let after = ledger.run(&before.name).await?;
    ledger.close().await;
    match (before.state, after.state) {
        (RunState::Active, RunState::Active) => tell(&after, args.json, "is active already")?,
        (_, RunState::Active) => tell(&after, args.json, &format!("is active again: {who}"))?,
        _ => return refused(&after, "only a paused run can be resumed"),
    }
    Ok(Exit::Done)
}

pub(super) async fn cancel(global: Global, args: &CancelArgs) -> Result<Exit> {
    let config = global.load()?.config;
    let ledger = place(&config)?.look().await?;
    let run = find(&ledger, &args.run).await?;
    let open = match run.state {
        RunState::Auditing | RunState::Finished => {
            return refused(
                &run,
                "none of its sessions is open: there is nothing to cancel",
            );
        }
        _ => ledger.books(run.id).await?.open(),
    };
    if args.dry_run {
        ledger.close().await;
        Cancelled::new(&run, true, open, 0).print(args.json)?;
        return Ok(Exit::Done);
    }
    if run.state != RunState::Cancelled && !args.yes && !confirmed(&run, open)? {
        tell(&run, args.json, "goes on")?;
        return Ok(Exit::Failed);
    }
    // Of a cancelled run too: a crash may have left some of it.
    let deed = ledger
        .note_deed(&operator::who(), Action::Cancel, &run.name, 0)
        .await?;
    let skipped = ledger.cancel(run.id, config.worker.quiet.get()).await?;
    ledger.extend_deed(deed, skipped).await?;
    let after = ledger.run(&run.name).await?;
    let unresolved = ledger.audit(run.id).await?.unresolved;
    ledger.close().await;
    if after.state != RunState::Cancelled {
        return refused(&after, "it ended before it could be cancelled");
    }
    let is_old = run.state == RunState::Cancelled && skipped == 0;
    let done = Cancelled::new(&after, false, skipped, unresolved);
    Cancelled { is_old, ..done }.print(args.json)?;
    Ok(Exit::Done)
}

/// A run as it is after a command; its JSON form is documented in docs/json.md.
#[derive(Debug, Serialize)]
struct Told<'a> {
    run: &'a str,
    state: RunState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_cause: Option<PauseCause>,
}

/// What cancelling came to; its JSON form is documented in docs/json.md.
#[derive(Debug, Serialize)]
struct Cancelled<'a> {
    #[serde(flatten)]
    run: Told<'a>,
    dry_run: bool,
    skipped: u64,
    unresolved: u64,
    /// It was cancelled before.
    #[serde(skip)]
    is_old: bool,
}

impl<'a> Told<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            run: &run.name,
            state: run.state,
            pause_cause: run.pause_cause,
        }
    }
}

impl<'a> Cancelled<'a> {
    fn new(run: &'a Run, dry_run: bool, skipped: u64, unresolved: u64) -> Self {
        Self {
            run: Told::of(run),
            dry_run,
            skipped,
            unresolved,
            is_old: false,
        }
    }

    fn print(&self, json: bool) -> Result<()> {
        let (name, skipped) = (self.run.run, self.skipped);
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        if self.dry_run {
            println!("run {name:?} has {skipped} open sessions, which would be skipped");
        } else if self.is_old {
            println!("run {name:?} is cancelled already");
        } else {
            println!("run {name:?} is cancelled: {skipped} sessions are skipped");
        }
        if self.unresolved > 0 {
            println!(
                "{} calls have no known outcome: `ferry sweep` revokes what they minted, when due",
                self.unresolved
            );
        }
        Ok(())
    }
}

/// Asks, where somebody can answer.
fn confirmed(run: &Run, open: u64) -> Result<bool> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(anyhow!(
            "cancelling run {:?} skips {open} sessions, and cannot be undone: add --yes",
            run.name
        )
        .context(Coded(Exit::Usage)));
    }
    eprint!(
        "Cancel run {:?} for good? {open} sessions are skipped. [y/N] ",
        run.name
    );
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn tell(run: &Run, json: bool, what: &str) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(&Told::of(run))?);
    } else {
        println!("run {:?} {what}", run.name);
    }
    Ok(())
}

fn refused(run: &Run, why: &str) -> Result<Exit> {
    let is = match run.state {
        RunState::Registering => "is still reading its export",
        RunState::Active => "is active",
        RunState::Paused => "is paused",
        RunState::Auditing => "is being audited",
        RunState::Finished => "is finished",
        RunState::Cancelled => "is cancelled",
    };
    Err(anyhow!("run {:?} {is}: {why}", run.name).context(Coded(Exit::Usage)))
}
