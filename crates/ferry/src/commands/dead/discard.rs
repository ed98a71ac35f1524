//! `ferry dead discard`.

use anyhow::Result;
use ferry_ledger::audit_log::Action;

use super::args::DiscardArgs;
use super::text::{confirmed, which};
use crate::cli::Global;
use crate::exit::Exit;
use crate::operator::who;
use crate::place::place;

pub(super) async fn execute(global: Global, args: &DiscardArgs) -> Result<Exit> {
    if args.filter.is_all() && !args.all {
        return Err(which());
    }
    let ledger = place(&global.load()?.config)?.look().await?;
    let filter = args.filter.resolve(&ledger).await?;
    let counts = ledger.count_dead(&filter).await?;
    let total: u64 = counts.iter().map(|count| count.count).sum();
    if args.dry_run || total == 0 {
        ledger.close().await;
        let told = format!("{total} dead sessions would be put aside");
        tell(args, args.dry_run, total, &told);
        return Ok(Exit::Done);
    }
    let question = format!("Put {total} dead sessions aside?");
    let unasked = format!("this puts {total} dead sessions aside");
    if !args.yes && !confirmed(&question, &unasked)? {
        println!("nothing was put aside");
        return Ok(Exit::Failed);
    }
    let subject = args.filter.shown();
    let deed = ledger
        .note_deed(&who(), Action::Discard, &subject, 0)
        .await?;
    let put_aside = ledger.discard(&filter, deed).await?;
    ledger.close().await;
    let told = format!("{put_aside} dead sessions are put aside");
    tell(args, false, put_aside, &told);
    Ok(Exit::Done)
}

/// The JSON form is documented in docs/dead-letters.md.
fn tell(args: &DiscardArgs, dry_run: bool, sessions: u64, told: &str) {
    if args.json {
        let done = serde_json::json!({"dry_run": dry_run, "sessions": sessions});
        println!("{done}");
    } else {
        println!("{told}");
    }
}
