//! `ferry work`: carry sessions of all runs, until stopped or until none is left.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use ferry_core::id::WorkerId;
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_producer::dispatch::Scope;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, WorkArgs};
use crate::config::Overrides;
use crate::crew::{Crew, Ended, Until};
use crate::crossing::{self, Crossing};
use crate::exit::Exit;
use crate::place::place;
use crate::site::Site;
use crate::{progress, stop, userinfo};

/// After SIGTERM everything in flight is finished within this time, or given up: it is taken over
/// by others, and swept.
const DRAIN: Duration = Duration::from_secs(20);

pub(super) async fn execute(global: Global, args: WorkArgs) -> Result<Exit> {
    let overrides = Overrides {
        rate: args.rate,
        concurrency: args.concurrency,
        ..global.overrides()
    };
    let loaded = super::load_and_log(&overrides)?;
    let config = &loaded.config;
    let endpoint = crossing::endpoint(config, loaded.env)?;
    let stop = stop::on_signals(Some(DRAIN))?;
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let site = Site::enter(place(config)?, crossing::window(config), &mut rng).await?;
    let gave_up = CancellationToken::new();
    let done = CancellationToken::new();
    let _done = done.drop_guard_ref();
    let crossing = Crossing::new(config, endpoint, &site)?;
    crossing.answer(config, &gave_up, &done).await?;
    crossing.check_credentials().await?;
    userinfo::check(crossing.tools.userinfo.as_ref()).await?;
    let crew = Crew {
        crossing: &crossing,
        worker: WorkerId::random(&mut rng),
        scope: Scope::All,
        until: if args.until_empty {
            Until::Empty
        } else {
            Until::Stopped
        },
    };
    let working = async {
        let _done = done.drop_guard_ref();
        let ended = crew.work(&stop, rng).await;
        if ended.is_err() {
            gave_up.cancel();
        }
        ended
    };
    let ended = tokio::join!(working, progress::of_working(&crossing, &done)).0?;
    let tally = &crossing.tools.tally;
    tracing::info!(
        migrated = tally.migrated.load(Ordering::Relaxed),
        skipped = tally.skipped.load(Ordering::Relaxed),
        dead = tally.dead.load(Ordering::Relaxed),
        swept = tally.swept.load(Ordering::Relaxed),
        "worker left"
    );
    let exit = match ended {
        Ended::Done if any_paused(&site.ledger).await? => Exit::Paused,
        _ => Exit::Done,
    };
    site.leave().await;
    Ok(exit)
}

async fn any_paused(ledger: &Ledger) -> Result<bool> {
    let runs = ledger.runs().await?;
    Ok(runs.iter().any(|run| run.state == RunState::Paused))
}
