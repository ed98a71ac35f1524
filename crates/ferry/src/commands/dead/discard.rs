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
    let dead: u64 = counts.iter().map(|count| count.count).sum();
    if args.dry_run || dead == 0 {
        ledger.close().await;
        println!("{dead} dead sessions would be put aside");
        return Ok(Exit::Done);
    }
    let question = format!("Put {dead} dead sessions aside?");
    let unasked = format!("this puts {dead} dead sessions aside");
    if !args.yes && !confirmed(&question, &unasked)? {
        println!("nothing was put aside");
        return Ok(Exit::Failed);
    }
    let shown = args.filter.shown();
    let deed = ledger.note_deed(&who(), Action::Discard, &shown, 0).await?;
    let discarded = ledger.discard(&filter, deed).await?;
    ledger.close().await;
    println!("{discarded} dead sessions are put aside");
    Ok(Exit::Done)
}
