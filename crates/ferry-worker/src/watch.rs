//! Shows a run's watch what attempts came to, so that one cause in many people's sessions pauses it.

use std::collections::{HashMap, VecDeque};

use ferry_core::burst::{BurstConfig, Finished};
use ferry_core::id::RunId;

use crate::settings::Tools;

/// What the watch of a run in the ledger has not seen yet: at most as many attempts as it looks at.
#[derive(Debug)]
pub(crate) struct Watch {
    config: BurstConfig,
    unseen: HashMap<RunId, Unseen>,
}

#[derive(Debug, Default)]
struct Unseen {
    /// With a hash of the person.
    attempts: VecDeque<(Finished, u32)>,
    failed: usize,
}

/// A commit for each failure would cost an ordinary export, of which some percent fail, as much as
/// its results do. Fewer than one in so many are far from a burst; a fleet of eight pauses some 80
/// attempts later for it.
const ONE_IN: usize = 20;

impl Watch {
    pub(crate) fn new(config: BurstConfig) -> Self {
        Self {
            config,
            unseen: HashMap::new(),
        }
    }

    /// Adds a recorded attempt, if it says anything.
    pub(crate) fn add(&mut self, run: RunId, attempt: Option<(Finished, u32)>) {
        let Some(attempt) = attempt else {
            return;
        };
        let unseen = self.unseen.entry(run).or_default();
        unseen.failed += usize::from(attempt.0 != Finished::Carried);
        unseen.attempts.push_back(attempt);
        if unseen.attempts.len() > self.config.window
            && let Some((oldest, _)) = unseen.attempts.pop_front()
        {
            unseen.failed -= usize::from(oldest != Finished::Carried);
        }
    }

    /// Shows the watches what may be a burst. What cannot be shown now goes along the next time.
    pub(crate) async fn show(&mut self, tools: &Tools) {
        for (run, unseen) in &mut self.unseen {
            if !unseen.is_suspicious() {
                continue;
            }
            let attempts = unseen.attempts.make_contiguous();
            let shown = tools.ledger.watch_attempts(*run, attempts, self.config);
            match shown.await {
                Ok(burst) => {
                    *unseen = Unseen::default();
                    if let Some(burst) = burst {
                        let cause = burst.cause();
                        tracing::error!(run.id = %run, %cause, %burst, remedy = cause.remedy(), "run paused");
                    }
                }
                Err(error) => {
                    tracing::warn!(run.id = %run, %error, "the run's watch was not shown what failed");
                }
            }
        }
    }
}

impl Unseen {
    fn is_suspicious(&self) -> bool {
        self.failed > 0 && self.failed * ONE_IN >= self.attempts.len()
    }
}

#[cfg(test)]
mod tests {
    use ferry_core::reason::DeadReason;

    use super::*;

    const RUN: RunId = RunId(1);
    const FAILED: Finished = Finished::Failed(DeadReason::MemberMissing);

    fn after(attempts: impl Iterator<Item = Finished>) -> Watch {
        let mut watch = Watch::new(BurstConfig::default());
        for (person, finished) in (0..).zip(attempts) {
            watch.add(RUN, Some((finished, person)));
        }
        watch
    }

    #[test]
    fn an_ordinary_exports_failures_are_not_shown() {
        let attempts = (1..1000).map(|n| {
            if n % 50 == 0 {
                FAILED
            } else {
                Finished::Carried
            }
        });
        let watch = after(attempts);
        assert!(!watch.unseen[&RUN].is_suspicious());
        assert_eq!(watch.unseen[&RUN].attempts.len(), 200);
    }

    #[test]
    fn a_mapping_that_goes_wrong_in_the_middle_is_shown_after_ten_failures() {
        let good = (0..1000).map(|_| Finished::Carried);
        let failing = |failures| after(good.clone().chain((0..failures).map(|_| FAILED)));
        assert!(!failing(9).unseen[&RUN].is_suspicious());
        assert!(failing(10).unseen[&RUN].is_suspicious());
        assert_eq!(failing(300).unseen[&RUN].failed, 200);
    }

    #[test]
    fn what_is_carried_is_never_shown_by_itself() {
        let watch = after((0..500).map(|_| Finished::Carried));
        assert!(!watch.unseen[&RUN].is_suspicious());
    }
}
