//! The failure table: what a refusal by Stytch means.
//!
//! One row for each `error_type` that session migration is known to give, or that stands near it.
//! Names are from Stytch's SDKs; where a status or a meaning is not documented by Stytch, the row
//! is a reading of the name, and this table is the one place to change it. A type that is not
//! here is judged by its HTTP status and shown under its own name.

mod markdown;
mod table;

use serde::Serialize;

use crate::outcome::Refusal;
use crate::reason::{DeadReason, PauseCause};

pub use markdown::failures_as_markdown;
pub use table::{ALREADY_THERE, FAILURES};

/// What a failed call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Passing: try again, within the bound on attempts.
    Transient,
    /// Told to wait: try again, no attempt is spent.
    Capacity,
    /// Told to wait, and not for the rate's sake: try again, no attempt is spent, the rate stays.
    Later,
    /// The session itself cannot be carried as it is.
    Session(DeadReason),
    /// The set-up is wrong: stop the run, the session is as it was.
    SetUp(PauseCause),
    /// Stytch could not use UserInfo's answer and does not say why: a dead token, a busy or a
    /// broken legacy provider. Bounded retry.
    Ambiguous,
}

/// The classes of DESIGN's failure table, as they are counted and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// See [`Judgement::Transient`].
    Transient,
    /// See [`Judgement::Capacity`] and [`Judgement::Later`].
    Capacity,
    /// See [`Judgement::Session`].
    Session,
    /// See [`Judgement::SetUp`].
    SetUp,
    /// See [`Judgement::Ambiguous`].
    Ambiguous,
    /// The request was sent and nothing usable came back.
    UnknownOutcome,
}

impl Judgement {
    /// The class it is counted under.
    pub fn class(self) -> FailureClass {
        match self {
            Self::Transient => FailureClass::Transient,
            Self::Capacity | Self::Later => FailureClass::Capacity,
            Self::Session(_) => FailureClass::Session,
            Self::SetUp(_) => FailureClass::SetUp,
            Self::Ambiguous => FailureClass::Ambiguous,
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct FailureRow {
    /// Stytch's `error_type`.
    pub error_type: &'static str,
    /// The HTTP status that it comes with, if one is documented. Only shown: a named type is
    /// judged by its name, whatever its status.
    pub status: Option<u16>,
    /// What it means.
    pub judgement: Judgement,
}

impl FailureRow {
    /// A session may have been minted although the call was refused, if it comes with the status
    /// that it is documented with.
    pub fn may_have_minted(&self) -> bool {
        self.status.is_some_and(status_may_have_minted)
    }
}

impl Judgement {
    /// Whether an attempt of the session is spent.
    pub fn spends_an_attempt(self) -> bool {
        matches!(self, Self::Transient | Self::Ambiguous)
    }

    /// What the operator can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::SetUp(cause) => cause.remedy(),
            Self::Session(reason) => reason.remedy(),
            Self::Capacity => "wait: Ferry lowers its rate by itself",
            Self::Later => "wait; look the error type up at stytch.com/docs if it lasts",
            Self::Transient => "wait; see status.stytch.com if it lasts",
            Self::Ambiguous => "see the legacy provider's log for UserInfo errors",
        }
    }
}

/// The operator creates a member, and it is there already: that is success. The migrate endpoint
/// creates nobody; should it give one of these names after all, the session is refused with it.
pub fn is_already_there(refusal: &Refusal) -> bool {
    refusal
        .error_type
        .as_ref()
        .is_some_and(|name| ALREADY_THERE.contains(&name.as_str()))
}

/// What a refusal means: by its `error_type`, else by its status.
pub fn judge(refusal: &Refusal) -> Judgement {
    let known = refusal
        .error_type
        .as_ref()
        .and_then(|name| FAILURES.iter().find(|row| row.error_type == name.as_str()));
    known.map_or_else(|| judge_by_status(refusal.status), |row| row.judgement)
}

/// For an `error_type` that is not in the table, and for bodies that are not Stytch's (a proxy's
/// HTML page).
fn judge_by_status(status: u16) -> Judgement {
    match status {
        401 | 403 => Judgement::SetUp(PauseCause::Credentials),
        // Stytch's API never redirects: whoever does is in front of it, or something else.
        300..=399 | 404 | 405 => Judgement::SetUp(PauseCause::WrongEndpoint),
        429 => Judgement::Capacity,
        408 | 499 | 500.. => Judgement::Transient,
        _ => Judgement::Session(DeadReason::Refused),
    }
}

/// Whether a session may have been minted although the call was refused: a server that broke down
/// may have done so after its work.
pub fn may_have_minted(refusal: &Refusal) -> bool {
    status_may_have_minted(refusal.status)
}

fn status_may_have_minted(status: u16) -> bool {
    matches!(status, 408 | 499 | 500..)
}

#[cfg(test)]
#[path = "failure/tests.rs"]
mod tests;
