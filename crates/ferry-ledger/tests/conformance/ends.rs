//! The ends of attempts.

use std::time::Duration;

use ferry_core::decide::Spent;
use ferry_core::failure::FailureClass;
use ferry_core::outcome::{ErrorType, MintedOrganization, MintedSession};
use ferry_core::reason::{DeadReason, SkipReason};
use ferry_ledger::claim::Lease;
use ferry_ledger::record::{End, FailedAttempt, Finished, Unrecorded};

use crate::bench::QUIET;
use crate::clock::noon_plus;

/// What Stytch minted for this attempt: a session of its own for each.
pub(crate) fn minted(lease: &Lease) -> MintedSession {
    MintedSession {
        organization: Some(MintedOrganization {
            id: "organization-acme".to_owned(),
            slug: "acme".to_owned(),
            external_id: None,
        }),
        member_id: format!("member-{}", lease.session),
        emails: lease.facts.email.iter().cloned().collect(),
        external_id: None,
        member_session_id: minted_id(lease),
        session_token: minted_token(lease).into(),
        expires_at: noon_plus(24 * 60),
    }
}

/// The id of what Stytch minted for this attempt.
pub(crate) fn minted_id(lease: &Lease) -> String {
    format!("member-session-{}-{}", lease.session, lease.fence)
}

/// The token of what Stytch minted for this attempt.
pub(crate) fn minted_token(lease: &Lease) -> String {
    format!("stytch-token-{}-{}", lease.session, lease.fence)
}

/// Carried.
pub(crate) fn migrated(lease: &Lease) -> Finished {
    let end = End::Migrated(Box::new(minted(lease)));
    Finished::new(lease, end, Spent::Nothing, None)
}

/// Refused in passing: tried again, an attempt is spent.
pub(crate) fn retried(lease: &Lease, after: Duration) -> Finished {
    let failure = refused(FailureClass::Transient, 503, "server_unavailable");
    Finished::new(lease, End::Waiting { after }, Spent::Attempt, Some(failure))
}

/// Told to wait: no attempt is spent.
pub(crate) fn deferred(lease: &Lease, after: Duration) -> Finished {
    let failure = refused(FailureClass::Capacity, 429, "too_many_requests");
    Finished::new(lease, End::Waiting { after }, Spent::Nothing, Some(failure))
}

/// Sent and not answered: what it minted is unknown.
pub(crate) fn unanswered(lease: &Lease, after: Duration) -> Finished {
    let failure = FailedAttempt {
        class: FailureClass::UnknownOutcome,
        http_status: None,
        error_type: None,
        request_id: None,
        unresolved: Some(nowhere_to_look()),
    };
    let end = End::Waiting { after };
    Finished::new(lease, end, Spent::UnknownOutcome, Some(failure))
}

/// A fault of the set-up: the session is as it was.
pub(crate) fn halted(lease: &Lease) -> Finished {
    let failure = refused(FailureClass::SetUp, 401, "unauthorized_credentials");
    Finished::new(lease, End::Queued, Spent::Nothing, Some(failure))
}

/// Not to be carried, seen without a call.
pub(crate) fn skipped(lease: &Lease, reason: SkipReason) -> Finished {
    Finished::new(lease, End::Skipped(reason), Spent::Nothing, None)
}

/// A dead letter.
pub(crate) fn dead(lease: &Lease, reason: DeadReason) -> Finished {
    let failure = refused(FailureClass::Session, 404, "member_not_found");
    Finished::new(lease, End::Dead(reason), Spent::Nothing, Some(failure))
}

/// Stytch answered for another person, and what it minted could not be revoked at once.
pub(crate) fn for_somebody_else(lease: &Lease) -> Finished {
    let failure = FailedAttempt {
        class: FailureClass::Session,
        http_status: None,
        error_type: None,
        request_id: None,
        unresolved: Some(Unrecorded {
            quiet: QUIET,
            organization_id: Some("organization-globex".to_owned()),
            member_id: Some("member-mallory".to_owned()),
        }),
    };
    let end = End::Dead(DeadReason::IdentityMismatch);
    Finished::new(lease, end, Spent::Nothing, Some(failure))
}

fn refused(class: FailureClass, status: u16, error_type: &str) -> FailedAttempt {
    FailedAttempt {
        class,
        http_status: Some(status),
        error_type: Some(ErrorType::sanitized(error_type)),
        request_id: Some(format!("request-{status}")),
        unresolved: None,
    }
}

fn nowhere_to_look() -> Unrecorded {
    Unrecorded {
        quiet: QUIET,
        organization_id: None,
        member_id: None,
    }
}
