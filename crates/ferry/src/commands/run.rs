//! `ferry run`: register, dispatch, work, sweep and report, in one process.

use std::time::{Duration, Instant};

use anyhow::Result;
use ferry_core::id::WorkerId;
use ferry_producer::dispatch::Scope;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, RunArgs};
use crate::config::{Loaded, Overrides};
use crate::crew::{Crew, Ended, Until};
use crate::crossing::{self, Crossing};
use crate::data_folder::DataFolder;
use crate::exit::Exit;
use crate::report::Report;
use crate::{progress, registering, rejects_file, stop};

pub(super) async fn execute(global: Global, args: RunArgs) -> Result<Exit> {
    let overrides = Overrides {
        rate: args.rate,
        concurrency: args.concurrency,
        ..global.overrides()
    };
    let loaded = super::load_and_log(&overrides)?;
    let stop = stop::on_signals()?;
    let (report, exit) = carry(&loaded, &args, &stop).await?;
    report.print(args.json)?;
    Ok(exit)
}

/// Carries an export to its end, and reports.
pub(super) async fn carry(
    loaded: &Loaded,
    args: &RunArgs,
    stop: &CancellationToken,
) -> Result<(Report, Exit)> {
    let began = Instant::now();
    let config = &loaded.config;
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let endpoint = crossing::endpoint(config, loaded.env)?;
    let folder = DataFolder::lock(&config.data.folder)?;
    let ledger = folder.open_ledger(&config.data.keys, &mut rng).await?;
    let crossing = Crossing::new(config, endpoint, ledger.clone())?;
    let export = registering::open(config, &args.export, ledger.now()).await?;
    crossing.check_credentials().await?;
    // We hold the lock: whoever had leases is gone.
    ledger.void_leases().await?;
    let run = registering::begin(&ledger, &export, args.run.as_deref()).await?;
    let migrated_before = ledger.books(run.id).await?.migrated;
    let ended = if registering::take_in(&ledger, &run, export, stop, &mut rng).await? {
        // A long crossing should not keep the operator from mending rejects meanwhile.
        rejects_file::write(&folder, &ledger, &run).await?;
        ledger.resume(run.id).await?;
        let crew = Crew {
            crossing: &crossing,
            worker: WorkerId::random(&mut rng),
            scope: Scope::Run(run.id),
            until: Until::Finished(run.id, Duration::from_secs(args.audit_timeout)),
        };
        let done = CancellationToken::new();
        let crossed = async {
            let _done = done.drop_guard_ref();
            crew.work(stop, rng).await
        };
        let shown = progress::of_crossing(&run, &ledger, &crossing, &done);
        tokio::join!(crossed, shown).0?
    } else {
        Ended::Stopped
    };
    let report = Report::of(&ledger, &run.name, migrated_before, began.elapsed()).await?;
    let rejects_file = rejects_file::write(&folder, &ledger, &run).await?;
    ledger.close().await;
    let exit = exit(ended, &report);
    Ok((report.with_rejects_file(rejects_file), exit))
}

fn exit(ended: Ended, report: &Report) -> Exit {
    match ended {
        Ended::Stopped => Exit::Interrupted,
        Ended::Paused(_) => Exit::Paused,
        Ended::Cancelled => Exit::Usage,
        Ended::Auditing => Exit::Auditing,
        Ended::Done if report.audit.unverifiable > 0 => Exit::Unverifiable,
        Ended::Done if report.books.dead > 0 => Exit::DeadLetters,
        Ended::Done => Exit::Done,
    }
}
