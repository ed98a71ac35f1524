//! Watches the ledger for the end of what the crew works for.

use std::time::{Duration, Instant};

use anyhow::Result;
use ferry_core::id::RunId;
use ferry_core::state::RunState;
use ferry_ledger::runs::Run;
use ferry_ledger::{Ledger, LedgerError};
use tokio_util::sync::CancellationToken;

use super::{Ended, Until};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// With no end to wait for, runs are only moved from `auditing` to `finished`.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// How long the ledger may be away.
const LEDGER_PATIENCE: Duration = Duration::from_mins(1);

/// Returns when it is so, or `stop` is cancelled.
pub(super) async fn watch(
    ledger: &Ledger,
    until: Until,
    stop: &CancellationToken,
) -> Result<Ended> {
    let mut auditing_since = None;
    let mut failing_since = None;
    while !stop.is_cancelled() {
        match look(ledger, until, &mut auditing_since).await {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => failing_since = None,
            Err(error) => {
                let since = failing_since.get_or_insert_with(Instant::now);
                if !error.is_passing() || since.elapsed() >= LEDGER_PATIENCE {
                    return Err(error.into());
                }
            }
        }
        let pause = if until == Until::Stopped {
            LONG_PAUSE
        } else {
            PAUSE
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(Ended::Stopped)
}

/// Whether what it works for is done now.
pub(super) async fn is_done(ledger: &Ledger, until: Until) -> Result<bool> {
    let ended = look(ledger, until, &mut None).await?;
    Ok(ended == Some(Ended::Done))
}

async fn look(
    ledger: &Ledger,
    until: Until,
    auditing_since: &mut Option<Instant>,
) -> Result<Option<Ended>, LedgerError> {
    let runs = ledger.runs().await?;
    for run in runs.iter().filter(|run| run.state == RunState::Auditing) {
        ledger.settle(run.id).await?;
    }
    Ok(match until {
        Until::Stopped => None,
        Until::Empty => is_empty(&runs).then_some(Ended::Done),
        Until::Finished(run, audit_timeout) => {
            let run = of(&runs, run);
            let auditing_for = match run.state {
                RunState::Auditing => auditing_since.get_or_insert_with(Instant::now).elapsed(),
                _ => Duration::ZERO,
            };
            match (run.state, run.pause_cause) {
                (RunState::Finished, _) => Some(Ended::Done),
                (RunState::Cancelled, _) => Some(Ended::Cancelled),
                (_, Some(cause)) => Some(Ended::Paused(cause)),
                (RunState::Auditing, _) if auditing_for >= audit_timeout => Some(Ended::Auditing),
                _ => None,
            }
        }
    })
}

fn is_empty(runs: &[Run]) -> bool {
    use RunState::{Active, Auditing, Registering};
    runs.iter()
        .all(|run| !matches!(run.state, Registering | Active | Auditing))
}

fn of(runs: &[Run], run: RunId) -> &Run {
    let ours = runs.iter().find(|candidate| candidate.id == run);
    ours.expect("a run is never deleted")
}
