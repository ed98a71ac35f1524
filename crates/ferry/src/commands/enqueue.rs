//! `ferry enqueue`: register, dispatch the first of it, leave.

use anyhow::Result;
use ferry_core::state::RunState;
use ferry_producer::dispatch;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::cli::{EnqueueArgs, Global};
use crate::config::Overrides;
use crate::exit::Exit;
use crate::place::place;
use crate::report::Report;
use crate::site::Site;
use crate::{crossing, registering, rejects_file, stop};

pub(super) async fn execute(global: Global, args: EnqueueArgs) -> Result<Exit> {
    let overrides = Overrides {
        rate: args.rate,
        ..global.overrides()
    };
    let loaded = super::load_and_log(&overrides)?;
    let config = &loaded.config;
    let stop = stop::on_signals(None)?;
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let window = crossing::window(config);
    let site = Site::enter(place(config)?, window, &mut rng).await?;
    let registering = registering::Registering {
        config,
        ledger: &site.ledger,
        export: &args.export,
        name: args.run.as_deref(),
    };
    let begun = registering.begin().await?;
    let Some(run) = registering.take_in(begun, &stop, &mut rng).await? else {
        site.leave().await;
        return Ok(Exit::Interrupted);
    };
    let rejects_file = rejects_file::write(&site.folder, &site.ledger, &run).await?;
    if site.is_shared && run.state == RunState::Active {
        let published = dispatch::prime(run.id, window, &site.ledger, &site.queue).await?;
        tracing::info!(
            run.name = run.name,
            sessions = published,
            "dispatched; the workers go on"
        );
    }
    let report = Report::of_status(&site.ledger, &config.rates, &run).await?;
    site.leave().await;
    report.with_rejects_file(rejects_file).print(args.json)?;
    Ok(Exit::Done)
}
