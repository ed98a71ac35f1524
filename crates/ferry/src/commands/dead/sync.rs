//! `ferry dead sync`.

use std::fmt::Write;

use anyhow::{Result, anyhow};
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::Action;
use ferry_producer::mirror::{self, Synced};
use ferry_queue::Queue;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::args::SyncArgs;
use crate::cli::Global;
use crate::exit::{Coded, Exit};
use crate::operator::who;
use crate::place::{Place, place};

pub(super) async fn execute(global: Global, args: &SyncArgs) -> Result<Exit> {
    let Place::Fleet(fleet) = place(&global.load()?.config)? else {
        return Err(anyhow!(
            "on one machine there is no broker, and so no dead-letter queue: `ferry dead list` tells what is dead"
        )
        .context(Coded(Exit::Usage)));
    };
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let ledger = Ledger::connect(fleet.ledger, fleet.keys).await?;
    let queue = Queue::connect(fleet.queue, &mut rng).await?;
    let deed = ledger
        .note_deed(&who(), Action::Sync, "dead letters", 0)
        .await?;
    let synced = mirror::sync(&ledger, &queue, &mut rng).await?;
    ledger
        .extend_deed(deed, synced.found + synced.published)
        .await?;
    queue.close().await;
    ledger.close().await;
    if args.json {
        println!("{}", serde_json::to_string(&synced)?);
    } else {
        print!("{}", text(&synced));
    }
    Ok(Exit::Done)
}

fn text(synced: &Synced) -> String {
    let lines = [
        (
            "letters lay in the broker's dead-letter queue",
            synced.found,
        ),
        (
            "whose session is dead: published again",
            synced.published_again,
        ),
        (
            "of these told something else than the ledger: corrected",
            synced.corrected,
        ),
        (
            "whose session is not dead any more: removed",
            synced.removed,
        ),
        ("that stood there twice: removed", synced.repeated),
        (
            "that are not ours: kept, see `ferry dead foreign list`",
            synced.foreign,
        ),
        ("dead sessions had no letter: published", synced.published),
    ];
    let mut page = String::new();
    for (number, (what, count)) in lines.iter().enumerate() {
        if number == 0 || *count > 0 {
            let _ = writeln!(page, "{count:>9}  {what}");
        }
    }
    page
}
