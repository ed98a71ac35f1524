//! What happens and how long it takes, told to whoever measures.

use std::fmt::Debug;
use std::time::Duration;

use ferry_core::outcome::CallOutcome;
use ferry_ledger::claim::Claim;
use ferry_ledger::record::Finished;

use crate::limiter::Limit;

/// Measures. Called on the way of every session: its methods return at once, and do nothing unless
/// they are given.
pub trait Observe: Debug + Send + Sync {
    /// A batch of deliveries waited so long for permission to call.
    fn permitted(&self, _held_back: Option<HeldBack>, _waited: Duration) {}

    /// Sessions were asked for, with these answers.
    fn claimed(&self, _claims: &[Claim]) {}

    /// A call that migrates a session has come back.
    fn called(&self, _outcome: &CallOutcome, _took: Duration) {}

    /// So many results were recorded in one commit.
    fn recorded(&self, _results: usize, _took: Duration) {}

    /// An attempt is recorded.
    fn ended(&self, _finished: &Finished) {}
}

/// What kept permission back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldBack {
    /// The breaker.
    Breaker,
    /// The rates.
    Rates(Limit),
}

/// Nobody measures.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observe for Unobserved {}
