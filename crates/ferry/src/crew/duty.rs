//! Does what one process does for all, while it has the role.

use std::time::{Duration, Instant};

use anyhow::Result;
use ferry_core::id::WorkerId;
use ferry_ledger::Ledger;
use ferry_ledger::roles::Role;
use tokio_util::sync::CancellationToken;

/// Who has a role and is not heard of for so long has lost it.
const TERM: Duration = Duration::from_secs(10);
/// How often a role is kept, and how often who has none asks for it.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// Does `duty` whenever this worker has the role, until `stop` is cancelled or the duty fails. The
/// duty's own token is cancelled when the role is lost.
pub(super) async fn on_duty(
    role: Role,
    worker: WorkerId,
    ledger: &Ledger,
    stop: &CancellationToken,
    duty: impl AsyncFn(&CancellationToken) -> Result<()>,
) -> Result<()> {
    while !stop.is_cancelled() {
        match ledger.take_role(role, worker, TERM).await {
            Ok(true) => {
                let ours = stop.child_token();
                let doing = async {
                    let _ends_keeping = ours.clone().drop_guard();
                    duty(&ours).await
                };
                let keeping = keep(role, worker, ledger, &ours);
                let (done, ()) = tokio::join!(doing, keeping);
                if let Err(error) = ledger.leave_role(role, worker).await {
                    tracing::debug!(%error, ?role, "role not left; its term ends by itself");
                }
                done?;
            }
            Ok(false) => pause(stop).await,
            Err(error) => {
                tracing::debug!(%error, ?role, "role not asked for");
                pause(stop).await;
            }
        }
    }
    Ok(())
}

/// Keeps the role until `ours` is cancelled; cancels it when the role is lost.
async fn keep(role: Role, worker: WorkerId, ledger: &Ledger, ours: &CancellationToken) {
    let mut kept = Instant::now();
    loop {
        pause(ours).await;
        if ours.is_cancelled() {
            return;
        }
        let asked = Instant::now();
        match ledger.take_role(role, worker, TERM).await {
            Ok(true) => kept = asked,
            Err(_) if kept.elapsed() < TERM => {}
            Ok(false) | Err(_) => {
                tracing::info!(?role, "another process has the role now, or may have it");
                ours.cancel();
                return;
            }
        }
    }
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(ASK_EVERY) => {}
    }
}
