//! Leave for one call.

use std::sync::Arc;

use super::Limiter;
use super::hand::{Planned, Trials};

/// Leave for one migrate call. Dropped before it was used, it goes to another one.
#[derive(Debug)]
pub struct Permit {
    /// `None`: unlimited.
    planned: Option<(Planned, Arc<Limiter>)>,
}

/// What the answer to a call is evidence for.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Evidence {
    /// `None`: for nothing.
    pub(super) trials: Option<Trials>,
}

impl Permit {
    pub(super) fn new(planned: Planned, limiter: Arc<Limiter>) -> Self {
        Self {
            planned: Some((planned, limiter)),
        }
    }

    pub(super) fn unlimited() -> Self {
        Self { planned: None }
    }

    #[cfg(test)]
    pub(super) fn planned(&self) -> Option<Planned> {
        self.planned.as_ref().map(|(planned, _)| *planned)
    }

    /// Waits until the call may be sent. If its time is over, waits for another permit.
    pub async fn opened(mut self) -> Self {
        while let Some((planned, limiter)) = &mut self.planned {
            if limiter.opens(planned).await {
                break;
            }
            if let Some(another) = limiter.another().await {
                *planned = another;
            }
        }
        self
    }

    /// Uses it: the call is sent now.
    pub fn leave(mut self) -> Evidence {
        let trials = self.planned.take().map(|(planned, limiter)| {
            limiter.tell_of_a_call(&planned);
            planned.trials
        });
        Evidence { trials }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((planned, limiter)) = self.planned.take() {
            limiter.give_back(planned);
        }
    }
}

impl Limiter {
    /// Waits until the window opens; false if it is closed by then, or Stytch has asked to wait
    /// meanwhile.
    pub(super) async fn opens(&self, planned: &Planned) -> bool {
        // Never before: a timer may be early by its resolution.
        while self.now() < planned.window.opens {
            tokio::time::sleep_until(self.began + planned.window.opens).await;
        }
        self.now() < planned.window.closes && planned.at >= self.state().not_before
    }
}
