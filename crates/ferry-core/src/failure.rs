//! The failure table: what a refusal by Stytch means.
//!
//! One row for each `error_type` that session migration is known to give, or that stands near it.
//! Names are from Stytch's SDKs; where a status or a meaning is not documented by Stytch, the row
//! is a reading of the name, and this table is the one place to change it. A type that is not
//! here is judged by its HTTP status and shown under its own name.

use serde::Serialize;

use crate::outcome::Refusal;
use crate::reason::{DeadReason, PauseCause};

/// What a failed call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Passing: try again, within the bound on attempts.
    Transient,
    /// Told to wait: try again, no attempt is spent.
    Capacity,
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
    /// See [`Judgement::Capacity`].
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
            Self::Capacity => FailureClass::Capacity,
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
    /// What it means.
    pub judgement: Judgement,
}

const fn row(error_type: &'static str, judgement: Judgement) -> FailureRow {
    FailureRow {
        error_type,
        judgement,
    }
}

use DeadReason::{InvalidRow, MemberMissing, MemberNotActive, OrganizationMissing};
use Judgement::{Ambiguous, Capacity, Session, SetUp, Transient};
use PauseCause::{
    Credentials, EndpointNotEnabled, HttpsRequired, OrganizationSuspended, UserinfoUrlMissing,
    WrongEndpoint,
};

/// Every `error_type` that Ferry has a judgement for.
pub const FAILURES: &[FailureRow] = &[
    // The migrate endpoint's own. Statuses and exact meaning are not documented.
    row(
        "migrate_from_external_missing_userinfo",
        SetUp(UserinfoUrlMissing),
    ),
    row("migrate_from_external_unexpected_response", Ambiguous),
    row(
        "migrate_from_external_email_does_not_exist",
        Session(MemberMissing),
    ),
    // Credentials and the project.
    row("unauthorized_credentials", SetUp(Credentials)),
    row("invalid_project_id_authentication", SetUp(Credentials)),
    row("invalid_secret_authentication", SetUp(Credentials)),
    row("unauthorized_project_id_live", SetUp(Credentials)),
    row("unauthorized_project_id_test", SetUp(Credentials)),
    row("unauthorized_credentials_homepage", SetUp(Credentials)),
    row("enterprise_endpoint", SetUp(EndpointNotEnabled)),
    row("organization_suspended", SetUp(OrganizationSuspended)),
    row("use_https", SetUp(HttpsRequired)),
    row("method_not_allowed", SetUp(WrongEndpoint)),
    row("route_not_found", SetUp(WrongEndpoint)),
    // The row names something that is not there.
    row("organization_not_found", Session(OrganizationMissing)),
    row("invalid_organization_id", Session(OrganizationMissing)),
    row("member_not_found", Session(MemberMissing)),
    row("user_not_found", Session(MemberMissing)),
    row(
        "member_does_not_exist_in_organization",
        Session(MemberMissing),
    ),
    row(
        "member_has_no_active_verified_email",
        Session(MemberNotActive),
    ),
    // The row's values.
    row("invalid_session_token", Session(InvalidRow)),
    row("invalid_request_value", Session(InvalidRow)),
    row("bad_request", Session(InvalidRow)),
    row("session_not_found", Session(InvalidRow)),
    row("invalid_session_duration_minutes", Session(InvalidRow)),
    row("invalid_session_duration", Session(InvalidRow)),
    row("custom_claims_too_large", Session(InvalidRow)),
    row("reserved_claims_in_custom_claims", Session(InvalidRow)),
    row("stytch_claims_in_custom_claims", Session(InvalidRow)),
    row(
        "unable_to_represent_custom_claims_json",
        Session(InvalidRow),
    ),
    // Not every 429 is a rate limit.
    row("too_many_requests", Capacity),
    row("too_few_tokens_authenticated", Transient),
    row("captcha_failed", Transient),
    row("user_lock_limit_reached", Transient),
    // Passing.
    row("internal_server_error", Transient),
    row("server_unavailable", Transient),
    row("client_closed_request", Transient),
];

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
        401 | 403 => SetUp(Credentials),
        // Stytch's API never redirects: whoever does is in front of it, or something else.
        300..=399 | 404 | 405 => SetUp(WrongEndpoint),
        429 => Capacity,
        408 | 499 | 500.. => Transient,
        _ => Session(DeadReason::Refused),
    }
}

/// Whether a session may have been minted although the call was refused: a server that broke down
/// may have done so after its work.
pub fn may_have_minted(refusal: &Refusal) -> bool {
    matches!(refusal.status, 408 | 499 | 500..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::ErrorType;

    fn refusal(status: u16, error_type: Option<&str>) -> Refusal {
        Refusal {
            status,
            error_type: error_type.map(ErrorType::sanitized),
            request_id: None,
            retry_after: None,
        }
    }

    #[test]
    fn every_row_is_found_by_its_own_name_whatever_the_status() {
        for row in FAILURES {
            for status in [400, 401, 403, 404, 429, 500, 503] {
                assert_eq!(judge(&refusal(status, Some(row.error_type))), row.judgement);
            }
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let mut names: Vec<_> = FAILURES.iter().map(|row| row.error_type).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAILURES.len());
    }

    #[test]
    fn an_unheard_of_type_is_judged_by_its_status() {
        let unheard_of = Some("brand_new_error");
        assert_eq!(
            judge(&refusal(400, unheard_of)),
            Session(DeadReason::Refused)
        );
        assert_eq!(judge(&refusal(401, unheard_of)), SetUp(Credentials));
        assert_eq!(judge(&refusal(429, unheard_of)), Capacity);
        assert_eq!(judge(&refusal(502, None)), Transient);
        assert_eq!(judge(&refusal(302, None)), SetUp(WrongEndpoint));
    }

    #[test]
    fn only_a_server_that_broke_down_may_have_minted() {
        assert!(may_have_minted(&refusal(502, None)));
        assert!(!may_have_minted(&refusal(
            401,
            Some("unauthorized_credentials")
        )));
        assert!(!may_have_minted(&refusal(429, Some("too_many_requests"))));
    }
}
