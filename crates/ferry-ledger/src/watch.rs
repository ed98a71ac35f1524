//! Pause a run in which one cause befalls many people's sessions.

use ferry_core::burst::{Burst, BurstConfig, BurstWatch, Finished};
use ferry_core::id::RunId;

use crate::database::either;
use crate::{Ledger, LedgerError};

impl Ledger {
    /// Shows the run's watch what attempts came to, each with a hash of its person, and pauses the
    /// run if that is a burst: then it is returned.
    ///
    /// While the run is not active nothing is watched: what was under way when it was paused has the
    /// same cause. A run that is resumed begins with a new watch.
    pub async fn watch_attempts(
        &self,
        run: RunId,
        finished: &[(Finished, u32)],
        config: BurstConfig,
    ) -> Result<Option<Burst>, LedgerError> {
        if finished.is_empty() {
            return Ok(None);
        }
        let mut change = self.write().await?;
        let stored = either!(&mut change, change => change.lock_watch(run).await?);
        let Some(stored) = stored else {
            change.roll_back().await?;
            return Ok(None);
        };
        // Where another version wrote it, it begins anew.
        let mut watch: BurstWatch = serde_json::from_str(&stored).unwrap_or_default();
        let burst = finished
            .iter()
            .find_map(|(finished, subject)| watch.observe(*finished, *subject, config));
        let stored = serde_json::to_string(&watch).expect("numbers and names of reasons");
        either!(&mut change, change => change.write_watch(run, &stored).await?);
        let paused = match burst {
            Some(burst) => either!(&mut change, change => change.pause(run, burst.cause()).await?),
            None => false,
        };
        change.commit().await?;
        Ok(burst.filter(|_| paused))
    }
}
