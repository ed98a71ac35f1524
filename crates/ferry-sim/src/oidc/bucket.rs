//! Auth0's limit of UserInfo calls for each user: ten at once, five a minute after that.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Millis;

/// A bucket for each person who has called.
#[derive(Debug, Default)]
pub(super) struct Buckets(Mutex<HashMap<u64, Millis>>);

/// What is left after a call, or when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) is_within: bool,
    pub(super) limit: u32,
    pub(super) remaining: i64,
    /// Seconds since 1970 at which one more call is free.
    pub(super) reset: i64,
}

impl Buckets {
    /// Takes a call out of a person's bucket. The bucket is kept as the time at which it is full.
    pub(super) fn take(&self, person: u64, now: Millis) -> Allowance {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.entry(person).or_insert(now);
        let after = (*full_at).max(now) + MILLIS_A_CALL;
        let is_within = after - now <= i64::from(BURST) * MILLIS_A_CALL;
        if is_within {
            *full_at = after;
        }
        let missing = (*full_at - now + MILLIS_A_CALL - 1) / MILLIS_A_CALL;
        let next_call_at = *full_at - i64::from(BURST - 1) * MILLIS_A_CALL;
        Allowance {
            is_within,
            limit: BURST,
            remaining: (i64::from(BURST) - missing).max(0),
            reset: (next_call_at.max(now) + 999) / 1000,
        }
    }
}

const BURST: u32 = 10;

/// Five a minute.
const MILLIS_A_CALL: Millis = 12_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_calls_pass_at_once_and_then_five_a_minute() {
        let buckets = Buckets::default();
        let passed = |now| (0..20).filter(|_| buckets.take(1, now).is_within).count();
        assert_eq!(passed(0), 10);
        assert_eq!(passed(11_999), 0);
        assert_eq!(passed(12_000), 1);
        assert_eq!(passed(72_000), 5);
        assert_eq!(passed(10_000_000), 10);
    }

    #[test]
    fn what_remains_is_told() {
        let buckets = Buckets::default();
        let first = buckets.take(1, 0);
        assert_eq!((first.remaining, first.reset), (9, 0));
        for _ in 0..9 {
            buckets.take(1, 0);
        }
        let refused = buckets.take(1, 0);
        assert_eq!(
            (refused.is_within, refused.remaining, refused.reset),
            (false, 0, 12)
        );
    }
}
