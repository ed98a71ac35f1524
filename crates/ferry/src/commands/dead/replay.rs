//! `ferry dead replay`: on one machine it carries them itself, in a fleet the workers do.

mod plan;
mod report;

use std::time::Duration;

use anyhow::Result;
use ferry_core::id::WorkerId;
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::Action;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use self::plan::{Plan, RunPlan};
use self::report::Report;
use super::args::ReplayArgs;
use super::replayer::{Replayer, Terms};
use super::text::which;
use crate::cli::Global;
use crate::config::Loaded;
use crate::crew::{Crew, Until};
use crate::crossing::{self, Crossing};
use crate::exit::Exit;
use crate::operator::who;
use crate::place::{Place, place};
use crate::site::Site;
use crate::{stop, userinfo};

/// How long the run may take to be finished once all sessions are final, as for `ferry run`.
const AUDIT_PATIENCE: Duration = Duration::from_mins(5);

pub(super) async fn execute(global: Global, args: ReplayArgs) -> Result<Exit> {
    if args.filter.is_all() && !args.all {
        return Err(which());
    }
    let loaded = global.load()?;
    let place = place(&loaded.config)?;
    let report = match place {
        place if args.dry_run => {
            let ledger = place.look().await?;
            let plan = Plan::of(&ledger, &args).await?;
            ledger.close().await;
            plan.report(true)
        }
        place @ Place::Embedded { .. } => Box::pin(carry(&loaded, place, &args)).await?,
        place @ Place::Fleet(_) => hand_over(place, &args).await?,
    };
    report.print(args.json)?;
    report.exit()
}

/// In a fleet: the workers carry them.
async fn hand_over(place: Place, args: &ReplayArgs) -> Result<Report> {
    let stop = stop::on_signals(None)?;
    let ledger = place.look().await?;
    let plan = Plan::of(&ledger, args).await?;
    let terms = Terms {
        waits: args.wait,
        audit: None,
        ..plan.terms.clone()
    };
    let mut report = plan.report(false);
    for planned in &plan.runs {
        let run = &planned.0;
        let job = Replayer::begin(&ledger, planned, &terms, &stop, report.replayed).await?;
        if report.add(run, job.replay().await?) {
            break;
        }
    }
    ledger.close().await;
    Ok(report)
}

/// On one machine: this process carries them.
async fn carry(loaded: &Loaded, place: Place, args: &ReplayArgs) -> Result<Report> {
    let config = &loaded.config;
    let endpoint = crossing::endpoint(config, loaded.env)?;
    let stop = stop::on_signals(None)?;
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    if let Place::Embedded { folder, .. } = &place {
        crate::data_folder::DataFolder::look(folder)?;
    }
    let site = Site::enter(place, crossing::window(config), &mut rng).await?;
    let ledger = &site.ledger;
    let plan = Plan::of(ledger, args).await?;
    let terms = Terms {
        waits: true,
        audit: Some(AUDIT_PATIENCE),
        ..plan.terms.clone()
    };
    let mut report = plan.report(false);
    if !plan.runs.is_empty() {
        let crossing = Crossing::new(config, endpoint, &site)?;
        crossing.check_credentials().await?;
        userinfo::check(crossing.tools.userinfo.as_ref()).await?;
        for planned in &plan.runs {
            let run = &planned.0;
            let crew = Crew {
                crossing: &crossing,
                worker: WorkerId::random(&mut rng),
                scope: site.scope(run.id),
                until: Until::Stopped,
            };
            // Whoever ends first, the other one has nothing left to do.
            let working = stop.child_token();
            let job = Replayer::begin(ledger, planned, &terms, &working, report.replayed).await?;
            let carrying = async {
                let _ends_the_other = working.clone().drop_guard();
                crew.work(&working, StdRng::from_rng(&mut rng)).await
            };
            let replaying = async {
                let _ends_the_other = working.clone().drop_guard();
                job.replay().await
            };
            let (carried, outcome) = tokio::join!(carrying, replaying);
            carried?;
            if report.add(run, outcome?) {
                break;
            }
        }
    }
    site.leave().await;
    Ok(report)
}

impl<'a> Replayer<'a> {
    /// Notes the deed, after so many sessions of other runs.
    async fn begin(
        ledger: &'a Ledger,
        plan: &'a RunPlan,
        terms: &'a Terms,
        stop: &'a CancellationToken,
        before: u64,
    ) -> Result<Self> {
        let (run, reasons) = plan;
        let subject = format!("{} of run {}", terms.subject, run.name);
        Ok(Self {
            ledger,
            terms,
            run,
            deed: ledger
                .note_deed(&who(), Action::Replay, &subject, 0)
                .await?,
            reasons,
            left: terms.limit.unwrap_or(u64::MAX) - before,
            stop,
        })
    }
}
