//! The first signal asks to stop, the second stops.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// A token that the first SIGINT or SIGTERM cancels. The second one ends the process at once, and
/// so does the end of `drain`: what is in flight is taken over, and swept.
pub(crate) fn on_signals(drain: Option<Duration>) -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        let mut asked_again = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        asked_again().await;
        tracing::info!("stopping: finishing what is in flight (once more to stop at once)");
        asked.cancel();
        let too_late = async {
            match drain {
                Some(drain) => tokio::time::sleep(drain).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = asked_again() => std::process::exit(Exit::Interrupted as i32),
            () = too_late => {
                tracing::warn!("not everything in flight could be finished; others take it over");
                std::process::exit(Exit::TryLater as i32);
            }
        }
    });
    Ok(stop)
}
