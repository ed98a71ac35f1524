//! Label values. Each is an enum, so their number is bounded.

use ferry_core::failure::FailureClass;
use ferry_core::reason::{DeadReason, SkipReason};
use strum::{IntoStaticStr, VariantArray};

/// What a recorded attempt led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The session is carried.
    Migrated,
    /// It is tried again.
    Retried(FailureClass),
    /// It was told to wait; no attempt is spent.
    ToldToWait,
    /// It is not carried.
    Skipped(SkipReason),
    /// It is a dead letter.
    Dead(DeadReason),
    /// Its run is paused, the session is as it was.
    Halted,
}

impl AttemptEnd {
    /// The values of the labels `disposition` and `reason`.
    pub(crate) fn labels(self) -> [&'static str; 2] {
        match self {
            Self::Migrated => ["migrated", "none"],
            Self::Retried(class) => ["retry", class.into()],
            Self::ToldToWait => ["defer", "none"],
            Self::Skipped(reason) => ["skip", reason.into()],
            Self::Dead(reason) => ["dead", reason.into()],
            Self::Halted => ["halt", "none"],
        }
    }

    /// Each that there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let retried = [
            FailureClass::Transient,
            FailureClass::Ambiguous,
            FailureClass::UnknownOutcome,
        ];
        let plain = [Self::Migrated, Self::ToldToWait, Self::Halted];
        plain
            .into_iter()
            .chain(retried.map(Self::Retried))
            .chain(SkipReason::VARIANTS.iter().copied().map(Self::Skipped))
            .chain(DeadReason::VARIANTS.iter().copied().map(Self::Dead))
    }
}

/// What a call to Stytch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum CallEnd {
    /// A session was minted.
    Minted,
    /// Stytch refused.
    Refused,
    /// Stytch said: too many requests.
    TooManyRequests,
    /// Nothing reached Stytch.
    NotSent,
    /// The request was sent, and nothing usable came back.
    Unanswered,
}

/// What a worker got for a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ClaimEnd {
    /// A lease.
    Granted,
    /// Nothing: the session is final.
    Finished,
    /// Nothing: another worker has it.
    HeldElsewhere,
    /// Nothing: its turn is later.
    NotDue,
    /// Nothing: its person's turn is later.
    Postponed,
    /// Nothing: its run is paused.
    Paused,
    /// Nothing: there is no such session.
    Unknown,
}

/// What kept a permit back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum PermitLimit {
    /// Nothing: it was at hand.
    None,
    /// `rates.stytch`.
    Stytch,
    /// Stytch, which refuses more.
    Refusals,
    /// The legacy provider's rate.
    Userinfo,
    /// Stytch, which asks to wait.
    AskedToWait,
    /// The ledger, which gives no permits.
    Ledger,
    /// The breaker.
    Breaker,
}

/// A rate that all workers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Budget {
    /// Calls to Stytch.
    Stytch,
    /// Stytch's calls to the legacy provider's UserInfo endpoint.
    Userinfo,
}

/// A connection to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Connection {
    /// Publishes.
    Publisher,
    /// Consumes.
    Consumer,
}

/// What keeps all workers together from being faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LimitedBy {
    /// No session is open.
    NothingLeft,
    /// Every run with open sessions is paused.
    Paused,
    /// All that is open waits for its time: retries, people whose turn is later.
    NotDue,
    /// `rates.stytch`.
    Stytch,
    /// Stytch, which refuses more.
    Refusals,
    /// The legacy provider's rate.
    Userinfo,
    /// Stytch, which asks to wait.
    AskedToWait,
    /// The workers: too few, too slow, or gone.
    Workers,
}
