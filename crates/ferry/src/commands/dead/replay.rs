//! `ferry dead replay`: on one machine it carries them itself, in a fleet the workers do.

use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, anyhow};
use ferry_core::id::WorkerId;
use ferry_core::reason::DeadReason;
use ferry_core::replay::Obstacle;
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::Action;
use ferry_ledger::replay::Prospects;
use ferry_ledger::runs::Run;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::args::ReplayArgs;
use super::replayer::{Ended, Replayer, RunReplayed, Terms};
use super::text::{remedy, which, wrapped};
use crate::cli::Global;
use crate::config::Loaded;
use crate::crew::{Crew, Until};
use crate::crossing::{self, Crossing};
use crate::exit::{Coded, Exit};
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
        plan: &'a (Run, Vec<(DeadReason, u64)>),
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

/// What there is to replay.
struct Plan {
    terms: Terms,
    /// Runs, the oldest first, with reasons and how many sessions.
    runs: Vec<(Run, Vec<(DeadReason, u64)>)>,
    prospects: Vec<(String, Prospects)>,
}

impl Plan {
    async fn of(ledger: &Ledger, args: &ReplayArgs) -> Result<Self> {
        let filter = args.filter.resolve(ledger).await?;
        let mut all = ledger.runs().await?;
        all.reverse();
        let prospects = ledger.prospects(&filter).await?;
        let (mut runs, mut named) = (Vec::new(), Vec::new());
        for run in all {
            let ours = prospects.iter().filter(|prospects| prospects.run == run.id);
            named.extend(ours.clone().map(|ours| (run.name.clone(), ours.clone())));
            let free = ours.filter(|prospects| prospects.obstacle.is_none());
            let reasons: Vec<_> = free
                .filter_map(|p| Some((DeadReason::from_str(&p.reason).ok()?, p.count)))
                .collect();
            if !reasons.is_empty() {
                runs.push((run, reasons));
            }
        }
        Ok(Self {
            terms: Terms {
                filter,
                subject: args.filter.shown(),
                limit: args.limit,
                interval: args.rate.map(|rate| Duration::from_secs_f64(1.0 / rate)),
                canary: args.canary,
                patience: Duration::from_secs(args.canary_timeout),
                waits: false,
                audit: None,
            },
            runs,
            prospects: named,
        })
    }

    fn report(&self, dry_run: bool) -> Report {
        let line = |(run, prospects): &(String, Prospects)| ProspectLine {
            run: run.clone(),
            reason: prospects.reason.clone(),
            count: prospects.count,
            obstacle: prospects.obstacle,
            remedy: match prospects.obstacle {
                Some(Obstacle::CannotMend) | None => remedy(&prospects.reason),
                Some(obstacle) => obstacle.remedy(),
            },
        };
        let (free, hindered): (Vec<_>, Vec<_>) = self
            .prospects
            .iter()
            .partition(|(_, p)| p.obstacle.is_none());
        Report {
            dry_run,
            replayable: free.into_iter().map(line).collect(),
            hindered: hindered.into_iter().map(line).collect(),
            replayed: 0,
            limit: self.terms.limit,
            runs: Vec::new(),
        }
    }
}

/// Its JSON form is documented in docs/dead-letters.md.
#[derive(Debug, Serialize)]
struct Report {
    dry_run: bool,
    replayable: Vec<ProspectLine>,
    hindered: Vec<ProspectLine>,
    replayed: u64,
    #[serde(skip)]
    limit: Option<u64>,
    runs: Vec<RunLine>,
}

#[derive(Debug, Serialize)]
struct ProspectLine {
    run: String,
    reason: String,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<Obstacle>,
    remedy: &'static str,
}

#[derive(Debug, Serialize)]
struct RunLine {
    run: String,
    ended: &'static str,
    replayed: u64,
    outcomes: Vec<OutcomeLine>,
    stopped: Vec<DeadReason>,
    #[serde(skip)]
    how: Ended,
}

#[derive(Debug, Serialize)]
struct OutcomeLine {
    reason: String,
    open: u64,
    migrated: u64,
    skipped: u64,
    dead: u64,
    dead_alike: u64,
}

impl Report {
    /// Adds what was replayed of a run. True if nothing is to follow.
    fn add(&mut self, run: &Run, replayed: RunReplayed) -> bool {
        self.replayed += replayed.replayed;
        let outcomes = replayed.outcomes.into_iter().map(|replayed| OutcomeLine {
            reason: replayed.reason,
            open: replayed.outcomes.open,
            migrated: replayed.outcomes.migrated,
            skipped: replayed.outcomes.skipped,
            dead: replayed.outcomes.dead,
            dead_alike: replayed.dead_alike,
        });
        self.runs.push(RunLine {
            run: run.name.clone(),
            ended: match replayed.ended {
                Ended::Done => "done",
                Ended::NoOutcome => "no_outcome",
                Ended::Paused => "paused",
                Ended::Auditing => "auditing",
                Ended::Stopped => "stopped",
            },
            replayed: replayed.replayed,
            outcomes: outcomes.collect(),
            stopped: replayed.stopped,
            how: replayed.ended,
        });
        let at_limit = self.limit.is_some_and(|limit| self.replayed >= limit);
        at_limit || replayed.ended == Ended::Stopped
    }

    fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
        } else {
            print!("{}", self.text());
        }
        Ok(())
    }

    /// The worst that any of the runs came to.
    fn exit(&self) -> Result<Exit> {
        if self.dry_run {
            return Ok(Exit::Done);
        }
        if self.runs.is_empty() && !self.hindered.is_empty() {
            return Err(
                anyhow!("nothing was replayed: none of these sessions can be")
                    .context(Coded(Exit::Usage)),
            );
        }
        let any = |ended| self.runs.iter().any(|run| run.how == ended);
        let dead = |run: &RunLine| {
            !run.stopped.is_empty() || run.outcomes.iter().any(|outcome| outcome.dead > 0)
        };
        Ok(if any(Ended::Stopped) {
            Exit::Interrupted
        } else if any(Ended::Paused) {
            Exit::Paused
        } else if any(Ended::NoOutcome) {
            Exit::TryLater
        } else if any(Ended::Auditing) {
            Exit::Auditing
        } else if self.runs.iter().any(dead) {
            Exit::DeadLetters
        } else {
            Exit::Done
        })
    }

    fn text(&self) -> String {
        let mut page = String::new();
        if self.replayable.is_empty() && self.hindered.is_empty() {
            return "no dead session fits\n".to_owned();
        }
        if self.dry_run {
            for line in &self.replayable {
                let ProspectLine {
                    count, reason, run, ..
                } = line;
                let _ = writeln!(page, "{count:>9}  {reason} in run {run}: would be replayed");
                page += &wrapped(&format!("if mended: {}", line.remedy), 11);
            }
        }
        for run in &self.runs {
            run.show(&mut page);
        }
        for line in &self.hindered {
            let ProspectLine {
                count, reason, run, ..
            } = line;
            let obstacle = line
                .obstacle
                .map(|obstacle| obstacle.to_string())
                .unwrap_or_default();
            let _ = writeln!(
                page,
                "{count:>9}  {reason} in run {run}: not replayed ({obstacle})"
            );
            page += &wrapped(line.remedy, 11);
        }
        page
    }
}

impl RunLine {
    fn show(&self, page: &mut String) {
        let _ = writeln!(page, "run {}: {} replayed", self.run, self.replayed);
        for outcome in &self.outcomes {
            let OutcomeLine {
                reason,
                migrated,
                dead,
                skipped,
                open,
                ..
            } = outcome;
            let _ = writeln!(
                page,
                "  {reason}: {migrated} migrated, {dead} dead again, {skipped} skipped, {open} open"
            );
        }
        for reason in &self.stopped {
            let none = format!(
                "{reason}: none of the first was carried, so the others were left as they are; to do: {}",
                reason.remedy()
            );
            page.push_str(&wrapped(&none, 2));
        }
        let told = match self.how {
            Ended::Done => return,
            Ended::NoOutcome => {
                "those that went first have no outcome yet, so no other followed: do workers run? \
                 The same command goes on with the others."
            }
            Ended::Paused => "the run was paused or cancelled meanwhile: see `ferry runs`.",
            Ended::Auditing => {
                "attempts of unknown outcome are still to be looked up: `ferry sweep`, when due."
            }
            Ended::Stopped => "stopped: the same command goes on.",
        };
        page.push_str(&wrapped(told, 2));
    }
}
