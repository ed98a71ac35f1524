//! Ends a process that does not hear from the fleet's ledger any more.
//!
//! A connection whose other end is gone without a word is waited on for ever, and who waits may not
//! be dropped: a query that is given up half way takes its place in the pool with it. So nobody in
//! here sets limits to queries. If the ledger gives no answer for long enough, to anybody or to one
//! who waits, the process ends; whoever started it starts it again, with new connections. What was
//! in flight is taken over and swept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ferry_ledger::Ledger;

use crate::exit::Exit;

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Who waits for longer may be waiting on a connection that is dead. A lock is waited for so long.
const LONG_WAIT: Duration = Duration::from_secs(10);
/// Longer than any statement may take (30 s), and than a server takes to start again.
const SILENCE_SECONDS: u64 = 45;

/// Asks from now until the process ends, also while it leaves: closing waits for queries, too.
pub(crate) fn watch_over(ledger: &Ledger) {
    let silent_for = Arc::new(AtomicU64::new(0));
    tokio::spawn(ask(ledger.clone(), silent_for.clone()));
    tokio::spawn(async move {
        // Counted, not measured: while this process stood still, it could not hear anything.
        while silent_for.fetch_add(1, Ordering::Relaxed) < SILENCE_SECONDS {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tracing::error!(
            "the ledger's database has given no answer for {SILENCE_SECONDS} s: giving up; what is in flight is taken over"
        );
        std::process::exit(Exit::TryLater as i32);
    });
}

/// An error is no answer: one that would pass has passed by then.
async fn ask(ledger: Ledger, silent_for: Arc<AtomicU64>) {
    loop {
        match ledger.active_runs().await {
            Ok(_) if ledger.longest_wait() <= LONG_WAIT => silent_for.store(0, Ordering::Relaxed),
            Ok(_) => tracing::debug!("the ledger owes somebody an answer"),
            Err(error) => tracing::debug!(%error, "the ledger gave no answer"),
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
