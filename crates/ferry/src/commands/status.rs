//! `ferry status`.

use anyhow::Result;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::cli::{Global, StatusArgs};
use crate::data_folder::DataFolder;
use crate::exit::Exit;
use crate::report::Report;

pub(super) async fn execute(global: Global, args: StatusArgs) -> Result<Exit> {
    let loaded = global.load()?;
    let folder = DataFolder::look(&loaded.config.data.folder)?;
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let ledger = folder
        .open_ledger(&loaded.config.data.keys, &mut rng)
        .await?;
    let runs = match &args.run {
        Some(name) => vec![ledger.run(name).await?],
        None => ledger.runs().await?,
    };
    if runs.is_empty() && !args.json {
        println!("no runs yet: `ferry run EXPORT` begins one");
    }
    for run in &runs {
        Report::of_status(&ledger, run).await?.print(args.json)?;
    }
    ledger.close().await;
    Ok(Exit::Done)
}
