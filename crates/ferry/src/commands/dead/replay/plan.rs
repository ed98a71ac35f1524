//! What there is to replay, and what stands in the way of the rest.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use ferry_core::reason::DeadReason;
use ferry_core::replay::Obstacle;
use ferry_ledger::Ledger;
use ferry_ledger::replay::Prospects;
use ferry_ledger::runs::Run;

use super::report::{ProspectLine, Report};
use crate::commands::dead::args::ReplayArgs;
use crate::commands::dead::replayer::Terms;
use crate::commands::dead::text::remedy;

/// A run, with reasons and how many of its sessions died of each.
pub(super) type RunPlan = (Run, Vec<(DeadReason, u64)>);

/// What there is to replay.
pub(super) struct Plan {
    pub(super) terms: Terms,
    /// The oldest first.
    pub(super) runs: Vec<RunPlan>,
    prospects: Vec<(String, Prospects)>,
}

impl Plan {
    pub(super) async fn of(ledger: &Ledger, args: &ReplayArgs) -> Result<Self> {
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

    pub(super) fn report(&self, dry_run: bool) -> Report {
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
