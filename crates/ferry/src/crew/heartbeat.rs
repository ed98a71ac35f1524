//! Tells that this process is at work: what it holds when it is gone without a word is looked for.

use std::time::Duration;

use ferry_core::id::WorkerId;
use ferry_ledger::Ledger;
use tokio_util::sync::CancellationToken;

/// So many signs in the time after which it is taken for gone.
const BEATS_PER_TERM: u32 = 3;

/// Beats until `stop`, then says good-bye.
pub(super) async fn beat(
    ledger: &Ledger,
    worker: WorkerId,
    term: Duration,
    stop: &CancellationToken,
) {
    let name = name();
    while !stop.is_cancelled() {
        if let Err(error) = ledger.heartbeat(worker, &name, term).await {
            tracing::debug!(%error, "no sign of life given");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(term / BEATS_PER_TERM) => {}
        }
    }
    if let Err(error) = ledger.forget_workers(&[worker]).await {
        tracing::debug!(%error, "left without a word; what was held is looked for");
    }
}

/// Host and process id, for people.
fn name() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    format!("{host}:{}", std::process::id())
}
