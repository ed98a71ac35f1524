use super::{FailureRow, Judgement};
use crate::reason::{DeadReason, PauseCause};

use DeadReason::{InvalidRow, MemberMissing, MemberNotActive, OrganizationMissing, Refused};
use Judgement::{Ambiguous, Capacity, Later, Session, SetUp, Transient};
use PauseCause::{
    Credentials, EndpointNotEnabled, HttpsRequired, OrganizationSuspended, UserinfoUrlMissing,
    WrongEndpoint,
};

const fn row(error_type: &'static str, judgement: Judgement) -> FailureRow {
    FailureRow {
        error_type,
        status: None,
        judgement,
    }
}

/// With the status that Stytch documents, or that its SDKs take for granted.
const fn with(status: u16, row: FailureRow) -> FailureRow {
    FailureRow {
        status: Some(status),
        ..row
    }
}

/// What Stytch calls a member, a user or an organization that is there already.
pub const ALREADY_THERE: &[&str] = &[
    "duplicate_member_email",
    "duplicate_member_external_id",
    "duplicate_organization",
    "organization_slug_already_used",
    "organization_external_id_already_used",
    "duplicate_user_external_id",
    "duplicate_email",
];

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
    with(401, row("unauthorized_credentials", SetUp(Credentials))),
    with(
        401,
        row("invalid_project_id_authentication", SetUp(Credentials)),
    ),
    with(
        401,
        row("invalid_secret_authentication", SetUp(Credentials)),
    ),
    with(401, row("unauthorized_project_id_live", SetUp(Credentials))),
    with(401, row("unauthorized_project_id_test", SetUp(Credentials))),
    with(
        401,
        row("unauthorized_credentials_homepage", SetUp(Credentials)),
    ),
    with(401, row("enterprise_endpoint", SetUp(EndpointNotEnabled))),
    with(
        403,
        row("organization_suspended", SetUp(OrganizationSuspended)),
    ),
    with(403, row("use_https", SetUp(HttpsRequired))),
    with(405, row("method_not_allowed", SetUp(WrongEndpoint))),
    with(404, row("route_not_found", SetUp(WrongEndpoint))),
    // The row names something that is not there.
    with(
        404,
        row("organization_not_found", Session(OrganizationMissing)),
    ),
    with(
        400,
        row("invalid_organization_id", Session(OrganizationMissing)),
    ),
    with(404, row("member_not_found", Session(MemberMissing))),
    with(404, row("user_not_found", Session(MemberMissing))),
    row(
        "member_does_not_exist_in_organization",
        Session(MemberMissing),
    ),
    row(
        "member_has_no_active_verified_email",
        Session(MemberNotActive),
    ),
    // The row's values.
    with(400, row("invalid_session_token", Session(InvalidRow))),
    with(400, row("invalid_request_value", Session(InvalidRow))),
    with(400, row("bad_request", Session(InvalidRow))),
    with(404, row("session_not_found", Session(InvalidRow))),
    with(
        400,
        row("invalid_session_duration_minutes", Session(InvalidRow)),
    ),
    with(400, row("invalid_session_duration", Session(InvalidRow))),
    with(400, row("custom_claims_too_large", Session(InvalidRow))),
    with(
        400,
        row("reserved_claims_in_custom_claims", Session(InvalidRow)),
    ),
    with(
        400,
        row("stytch_claims_in_custom_claims", Session(InvalidRow)),
    ),
    with(
        400,
        row(
            "unable_to_represent_custom_claims_json",
            Session(InvalidRow),
        ),
    ),
    with(429, row("too_many_requests", Capacity)),
    // Not every 429 is a rate limit: these say nothing of the rate.
    with(429, row("too_few_tokens_authenticated", Later)),
    with(429, row("captcha_failed", Later)),
    // The member is locked after failed logins; so many attempts do not outlast that.
    with(
        429,
        row("user_lock_limit_reached", Session(MemberNotActive)),
    ),
    // Passing.
    with(500, row("internal_server_error", Transient)),
    with(503, row("server_unavailable", Transient)),
    with(499, row("client_closed_request", Transient)),
    // Of endpoints that create: see `ALREADY_THERE`.
    row(ALREADY_THERE[0], Session(Refused)),
    row(ALREADY_THERE[1], Session(Refused)),
    row(ALREADY_THERE[2], Session(Refused)),
    with(400, row(ALREADY_THERE[3], Session(Refused))),
    row(ALREADY_THERE[4], Session(Refused)),
    row(ALREADY_THERE[5], Session(Refused)),
    row(ALREADY_THERE[6], Session(Refused)),
];
