//! `ferry run`: register, dispatch, work, sweep and report, in one process.

use std::time::{Duration, Instant};

use anyhow::Result;
use ferry_core::id::WorkerId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, RunArgs};
use crate::config::{Loaded, Overrides};
use crate::crew::{Crew, Ended, Until};
use crate::crossing::{self, Crossing};
use crate::exit::Exit;
use crate::place::place;
use crate::registering::Registering;
use crate::report::Report;
use crate::site::Site;
use crate::{progress, rejects_file, stop, userinfo};

pub(super) async fn execute(global: Global, args: RunArgs) -> Result<Exit> {
    let overrides = Overrides {
        rate: args.rate,
        concurrency: args.concurrency,
        ..global.overrides()
    };
    let loaded = super::load_and_log(&overrides)?;
    let stop = stop::on_signals(None)?;
    let (report, exit) = Box::pin(carry(&loaded, &args, &stop)).await?;
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
    let site = Site::enter(place(config)?, crossing::window(config), &mut rng).await?;
    let ledger = &site.ledger;
    let crossing = Crossing::new(config, endpoint, &site)?;
    let left = CancellationToken::new();
    let _left = left.drop_guard_ref();
    // A run that ends badly ends its process: there is nobody to be started again.
    let gave_up = CancellationToken::new();
    crossing.answer(config, &gave_up, &left).await?;
    let registering = Registering {
        config,
        ledger,
        export: &args.export,
        name: args.run.as_deref(),
    };
    // Before Stytch is asked: a wrong export is the likelier mistake.
    let known = registering.begin().await?;
    let run = known.0.clone();
    crossing.check_credentials().await?;
    userinfo::check(crossing.tools.userinfo.as_ref()).await?;
    let migrated_before = ledger.books(run.id).await?.migrated;
    let ended = if registering.take_in(known, stop, &mut rng).await?.is_some() {
        // A long crossing should not keep the operator from mending rejects meanwhile.
        rejects_file::write(&site.folder, ledger, &run).await?;
        ledger.resume(run.id).await?;
        let crew = Crew {
            crossing: &crossing,
            worker: WorkerId::random(&mut rng),
            scope: site.scope(run.id),
            until: Until::Finished(run.id, Duration::from_secs(args.audit_timeout)),
        };
        let done = CancellationToken::new();
        let crossed = async {
            let _done = done.drop_guard_ref();
            crew.work(stop, rng).await
        };
        let shown = progress::of_crossing(&run, ledger, &crossing, &done);
        tokio::join!(crossed, shown).0?
    } else {
        Ended::Stopped
    };
    let report = Report::of(
        ledger,
        &config.rates,
        &run.name,
        migrated_before,
        began.elapsed(),
    )
    .await?;
    let rejects_file = rejects_file::write(&site.folder, ledger, &run).await?;
    site.leave().await;
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
