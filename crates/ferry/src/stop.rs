//! The first signal asks to stop, the second stops.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// A token that the first SIGINT or SIGTERM cancels. The second one ends the process at once: what
/// is in flight is taken over at the next start, and swept.
pub(crate) fn on_signals() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        for time in 1.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if time == 1 {
                tracing::info!("stopping: finishing what is in flight (once more to stop at once)");
                asked.cancel();
            } else {
                std::process::exit(Exit::Interrupted as i32);
            }
        }
    });
    Ok(stop)
}
