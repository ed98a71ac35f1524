//! The rate that all calls to Stytch share.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota};
use tokio::time::Instant;

/// Calls per second, and a hold when Stytch asks to wait.
#[derive(Debug)]
pub struct Pace {
    limiter: Option<DefaultDirectRateLimiter>,
    hold: Mutex<Hold>,
}

#[derive(Debug, Default)]
struct Hold {
    until: Option<Instant>,
    /// Replies in a row that asked to wait.
    in_a_row: u32,
}

/// One reply that asks to wait may be about one user (Stytch limits by user, too) and holds its
/// own session only. So many in a row, without an answer in between, are about all.
const IN_A_ROW: u32 = 3;

impl Pace {
    /// At most `per_second` calls in each second, evenly spread; `None` is unlimited.
    pub fn new(per_second: Option<NonZeroU32>) -> Self {
        // Burst 1: no sliding second ever holds more calls than the rate.
        let one = NonZeroU32::MIN;
        let limiter = per_second
            .map(|rate| DefaultDirectRateLimiter::direct(Quota::per_second(rate).allow_burst(one)));
        Self {
            limiter,
            hold: Mutex::default(),
        }
    }

    /// Waits for a permit.
    pub async fn permit(&self) {
        loop {
            while let Some(end) = self.hold_end() {
                tokio::time::sleep_until(end).await;
            }
            if let Some(limiter) = &self.limiter {
                limiter.until_ready().await;
            }
            if !self.is_held() {
                return;
            }
        }
    }

    /// A permit, if there is one at this moment.
    pub fn try_permit(&self) -> bool {
        !self.is_held()
            && self
                .limiter
                .as_ref()
                .is_none_or(|limiter| limiter.check().is_ok())
    }

    /// Stytch answered a call.
    pub fn answered(&self) {
        self.lock().in_a_row = 0;
    }

    /// Stytch asked to wait so long, or cannot be reached.
    pub fn told_to_wait(&self, duration: Duration) {
        let mut hold = self.lock();
        hold.in_a_row += 1;
        let end = Instant::now() + duration;
        if hold.in_a_row >= IN_A_ROW && hold.until.is_none_or(|until| until < end) {
            hold.until = Some(end);
        }
    }

    /// Whether permits are on hold.
    pub fn is_held(&self) -> bool {
        self.hold_end().is_some()
    }

    /// Whether there is a rate at all.
    pub fn is_limited(&self) -> bool {
        self.limiter.is_some()
    }

    fn hold_end(&self) -> Option<Instant> {
        self.lock().until.filter(|end| *end > Instant::now())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Hold> {
        self.hold
            .lock()
            .expect("nothing panics while it holds the hold")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_in_a_row_keep_every_permit_back() {
        let pace = Pace::new(None);
        pace.told_to_wait(Duration::from_secs(1));
        pace.told_to_wait(Duration::from_secs(1));
        assert!(pace.try_permit());
        pace.told_to_wait(Duration::from_secs(30));
        assert!(!pace.try_permit());
        let before = Instant::now();
        pace.permit().await;
        assert!(before.elapsed() >= Duration::from_secs(30));
    }

    #[test]
    fn an_answer_in_between_tells_that_not_all_must_wait() {
        let pace = Pace::new(None);
        for _ in 0..10 {
            pace.told_to_wait(Duration::from_secs(1));
            pace.answered();
        }
        assert!(pace.try_permit());
    }

    #[test]
    fn a_second_permit_at_once_is_beyond_the_rate() {
        let pace = Pace::new(NonZeroU32::new(5));
        assert!(pace.try_permit());
        assert!(!pace.try_permit());
    }
}
