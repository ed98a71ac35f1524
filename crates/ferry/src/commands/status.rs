//! `ferry status`.

use anyhow::Result;

use crate::cli::{Global, StatusArgs};
use crate::exit::Exit;
use crate::place::place;
use crate::report::Report;

use super::runs::find;

pub(super) async fn execute(global: Global, args: StatusArgs) -> Result<Exit> {
    let loaded = global.load()?;
    let ledger = place(&loaded.config)?.look().await?;
    let runs = match &args.run {
        Some(name) => vec![find(&ledger, name).await?],
        None => ledger.runs().await?,
    };
    if runs.is_empty() && !args.json {
        println!("no runs yet: `ferry run EXPORT` begins one");
    }
    for run in &runs {
        Report::of_status(&ledger, &loaded.config.rates, run)
            .await?
            .print(args.json)?;
    }
    ledger.close().await;
    Ok(Exit::Done)
}
