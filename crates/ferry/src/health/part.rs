//! One part, asked once at a time.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Unready;

type Check =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Unready>> + Send>> + Send + Sync>;

/// A part of the process, and what it last answered.
pub(super) struct Part {
    pub(super) name: &'static str,
    check: Check,
    last: Mutex<Asked>,
}

/// A question that was put to a part: its answer, once there is one.
pub(super) type Asked = watch::Receiver<Option<Answered>>;

#[derive(Debug, Clone)]
pub(super) struct Answered {
    at: Instant,
    answer: Result<(), Unready>,
}

/// An answer is given to all who ask so soon after it.
const FRESH_FOR: Duration = Duration::from_secs(1);

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Part {
    pub(super) fn new<F>(name: &'static str, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Unready>> + Send + 'static,
    {
        Self {
            name,
            check: Box::new(move || Box::pin(check())),
            // Nobody will answer this one, so the first to ask asks anew.
            last: Mutex::new(watch::channel(None).1),
        }
    }

    /// The question under way, or the last one if its answer is fresh; else a new one.
    pub(super) fn ask(&self, now: Instant) -> Asked {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.borrow().clone();
        let stands = match &before {
            // A check that panicked answers no more.
            None => last.has_changed().is_ok(),
            Some(answered) => now.saturating_duration_since(answered.at) < FRESH_FOR,
        };
        if !stands {
            *last = self.ask_anew(before);
        }
        last.clone()
    }

    /// In a task of its own: what is asked may not be dropped half way. A statement that is would
    /// leave its connection to the database in the middle of something.
    fn ask_anew(&self, before: Option<Answered>) -> Asked {
        let (answers, asked) = watch::channel(None);
        let (name, checking) = (self.name, (self.check)());
        tokio::spawn(async move {
            let answer = checking.await;
            log_change(name, before.as_ref().map(|before| &before.answer), &answer);
            let at = Instant::now();
            answers.send_replace(Some(Answered { at, answer }));
        });
        asked
    }
}

fn log_change(name: &str, before: Option<&Result<(), Unready>>, answer: &Result<(), Unready>) {
    match answer {
        Err(unready) if before != Some(answer) => {
            tracing::warn!(
                part = name,
                state = unready.word,
                why = unready.why,
                "not ready"
            );
        }
        Ok(()) if matches!(before, Some(Err(_))) => tracing::info!(part = name, "ready again"),
        _ => {}
    }
}

/// The part's word, waited for until then.
pub(super) async fn answer(mut asked: Asked, until: Instant) -> Result<&'static str, &'static str> {
    match timeout_at(until, asked.wait_for(Option::is_some)).await {
        Ok(Ok(answered)) => match answered.as_ref().map(|answered| &answered.answer) {
            Some(Err(unready)) => Err(unready.word),
            _ => Ok("ok"),
        },
        Ok(Err(_)) => Err("failed"),
        Err(_) => Err("no answer yet"),
    }
}
