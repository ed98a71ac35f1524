//! `ferry dead park`.

use anyhow::{Result, anyhow};
use ferry_core::reason::DeadReason;
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::Action;
use ferry_ledger::dead::Filter;
use serde::Serialize;

use super::args::ParkArgs;
use super::text::which;
use crate::cli::Global;
use crate::exit::{Coded, Exit};
use crate::operator::who;
use crate::place::place;

pub(super) async fn execute(global: Global, args: &ParkArgs) -> Result<Exit> {
    if args.filter.is_all() && !args.all {
        return Err(which());
    }
    let reasons = &args.filter.reason;
    if args.filter.discarded || reasons.iter().any(|r| *r != DeadReason::MemberMissing) {
        return Err(anyhow!(
            "only member_missing is parked, and not what is put aside: nothing tells by itself when another cause is mended"
        )
        .context(Coded(Exit::Usage)));
    }
    let config = global.load()?.config;
    let ledger = place(&config)?.look().await?;
    let filter = args.filter.resolve(&ledger).await?;
    let done = if args.undo {
        unpark(&ledger, &filter, args).await?
    } else {
        park(&ledger, &filter, args).await?
    };
    ledger.close().await;
    if args.json {
        println!("{}", serde_json::to_string(&done)?);
    } else {
        print!("{}", done.text(config.worker.parked_look));
    }
    Ok(Exit::Done)
}

async fn park(ledger: &Ledger, filter: &Filter, args: &ParkArgs) -> Result<Parked> {
    let before = ledger.parkable(filter).await?;
    let changed = if args.dry_run || before.ready == 0 {
        before.ready
    } else {
        let subject = args.filter.shown();
        let deed = ledger.note_deed(&who(), Action::Park, &subject, 0).await?;
        ledger.park(filter, deed).await?
    };
    Ok(Parked {
        dry_run: args.dry_run,
        undo: false,
        changed,
        already: before.parked,
        without_email: before.nameless,
    })
}

async fn unpark(ledger: &Ledger, filter: &Filter, args: &ParkArgs) -> Result<Parked> {
    let before = ledger.parkable(filter).await?;
    let changed = if args.dry_run || before.parked == 0 {
        before.parked
    } else {
        let subject = args.filter.shown();
        let deed = ledger
            .note_deed(&who(), Action::Unpark, &subject, 0)
            .await?;
        ledger.unpark(filter, deed).await?
    };
    Ok(Parked {
        dry_run: args.dry_run,
        undo: true,
        changed,
        already: before.parked,
        without_email: before.nameless,
    })
}

/// Its JSON form is documented in docs/dead-letters.md.
#[derive(Debug, Serialize)]
struct Parked {
    dry_run: bool,
    undo: bool,
    changed: u64,
    #[serde(rename = "parked_before")]
    already: u64,
    without_email: u64,
}

impl Parked {
    fn text(&self, look_every: impl std::fmt::Display) -> String {
        let Self { changed, .. } = self;
        match (self.undo, self.dry_run) {
            (true, true) => return format!("{changed} dead sessions would be parked no more\n"),
            (true, false) => return format!("{changed} dead sessions are parked no more\n"),
            _ => {}
        }
        let mut lines = vec![if self.dry_run {
            format!("{changed} dead sessions would be parked")
        } else {
            format!(
                "{changed} dead sessions are parked: `ferry work` looks for each one's member every {look_every},\nand replays it once that exists"
            )
        }];
        if self.already > 0 {
            lines.push(format!("{} were parked already", self.already));
        }
        if self.without_email > 0 {
            lines.push(format!(
                "{} cannot be: the export gives no email to look for the member by",
                self.without_email
            ));
        }
        lines.join("\n") + "\n"
    }
}
