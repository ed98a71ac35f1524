//! `ferry audit`.

use anyhow::Result;
use ferry_ledger::audit_log::Deed;
use serde::Serialize;

use super::dead::text::{printable, seconds};
use crate::cli::Global;
use crate::cli::lookups::AuditArgs;
use crate::exit::Exit;
use crate::place::place;

/// Rows read from the ledger at once.
const PAGE: u32 = 1_000;

/// What an operator did; its JSON form is documented in docs/report.md.
#[derive(Serialize)]
struct Line {
    at: String,
    who: String,
    action: String,
    subject: String,
    affected: u64,
}

impl From<Deed> for Line {
    fn from(deed: Deed) -> Self {
        Self {
            at: seconds(deed.at),
            who: deed.who,
            action: deed.action,
            subject: deed.subject,
            affected: deed.affected,
        }
    }
}

pub(super) async fn execute(global: Global, args: &AuditArgs) -> Result<Exit> {
    let ledger = place(&global.load()?.config)?.look().await?;
    let (mut left, mut before) = (args.limit, None);
    while left > 0 {
        let page = ledger.deeds(before, left.min(PAGE)).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        left -= u32::try_from(page.len()).unwrap_or(left).min(left);
        for deed in page {
            print(&Line::from(deed), args.json)?;
        }
    }
    if before.is_none() && !args.json {
        println!("nothing was done yet that is noted here");
    }
    ledger.close().await;
    Ok(Exit::Done)
}

fn print(line: &Line, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(line)?);
    } else {
        println!(
            "{}  {}  {} {}\n    {}",
            line.at,
            printable(&line.who),
            printable(&line.action),
            line.affected,
            printable(&line.subject)
        );
    }
    Ok(())
}
