//! `ferry purge`.

use anyhow::Result;
use ferry_core::Timestamp;
use ferry_ledger::audit_log::Action;
use ferry_ledger::purge::{Purged, Retention};
use serde::Serialize;

use super::dead::text::confirmed;
use crate::cli::Global;
use crate::cli::lookups::PurgeArgs;
use crate::config;
use crate::exit::Exit;
use crate::operator::who;
use crate::place::place;
use crate::progress::Counted;
use crate::stop;

/// What was wiped; its JSON form is documented in docs/report.md.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    #[serde(flatten)]
    purged: Purged,
}

pub(super) async fn execute(global: Global, args: &PurgeArgs) -> Result<Exit> {
    let config = global.load()?.config;
    let ledger = place(&config)?.look().await?;
    let retention = retention(&config.retention, ledger.now());
    let due = ledger.purgeable(&retention).await?;
    let Purged { tokens, mappings } = due;
    let what = format!(
        "the tokens of {tokens} dead sessions, and of {mappings} Stytch sessions that are over"
    );
    if args.dry_run {
        report(args, true, due, &format!("would wipe {what}"))?;
        return Ok(Exit::Done);
    }
    let is_nothing = due == Purged::default();
    let question = format!("Wipe {what}?");
    let unasked = format!("wiping {what} cannot be undone");
    if !is_nothing && !args.yes && !confirmed(&question, &unasked)? {
        println!("nothing is wiped");
        return Ok(Exit::Failed);
    }
    let stop = stop::on_signals(None)?;
    let subject = "tokens past their retention";
    let deed = ledger.note_deed(&who(), Action::Purge, subject, 0).await?;
    let mut done = Purged::default();
    let progress = Counted::of("wiping", Some(tokens + mappings));
    loop {
        let batch = ledger.purge(&retention).await?;
        ledger
            .extend_deed(deed, batch.tokens + batch.mappings)
            .await?;
        done.tokens += batch.tokens;
        done.mappings += batch.mappings;
        progress.add(batch.tokens + batch.mappings);
        if batch == Purged::default() || stop.is_cancelled() {
            break;
        }
    }
    drop(progress);
    ledger.close().await;
    let Purged { tokens, mappings } = done;
    let what = format!(
        "wiped the tokens of {tokens} dead sessions, and of {mappings} Stytch sessions that are over"
    );
    report(args, false, done, &what)?;
    Ok(if stop.is_cancelled() {
        Exit::Interrupted
    } else {
        Exit::Done
    })
}

fn retention(settings: &config::Retention, now: Timestamp) -> Retention {
    let before = |period: std::time::Duration| {
        let millis = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(now.as_millis().saturating_sub(millis))
    };
    Retention {
        died_before: before(settings.dead_tokens.get()),
        ended_before: before(settings.mappings.get()),
    }
}

fn report(args: &PurgeArgs, dry_run: bool, purged: Purged, text: &str) -> Result<()> {
    if args.json {
        let report = Report { dry_run, purged };
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{text}");
    }
    Ok(())
}
