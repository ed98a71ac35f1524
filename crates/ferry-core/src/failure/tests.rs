use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::outcome::ErrorType;
use Judgement::{Ambiguous, Capacity, Session, SetUp, Transient};

fn refusal(status: u16, error_type: Option<&str>) -> Refusal {
    Refusal {
        status,
        error_type: error_type.map(ErrorType::sanitized),
        request_id: None,
        retry_after: None,
    }
}

/// Every type that stands near session migration, written down apart from the table: its class,
/// whether a session may have been minted, whether an attempt is spent.
const NAMED: &[(&str, u16, FailureClass, bool, bool)] = {
    use FailureClass::{Ambiguous, Capacity, Session, SetUp, Transient};
    &[
        (
            "migrate_from_external_missing_userinfo",
            400,
            SetUp,
            false,
            false,
        ),
        (
            "migrate_from_external_unexpected_response",
            400,
            Ambiguous,
            false,
            true,
        ),
        (
            "migrate_from_external_email_does_not_exist",
            404,
            Session,
            false,
            false,
        ),
        ("unauthorized_credentials", 401, SetUp, false, false),
        (
            "invalid_project_id_authentication",
            401,
            SetUp,
            false,
            false,
        ),
        ("invalid_secret_authentication", 401, SetUp, false, false),
        ("unauthorized_project_id_live", 401, SetUp, false, false),
        ("unauthorized_project_id_test", 401, SetUp, false, false),
        (
            "unauthorized_credentials_homepage",
            401,
            SetUp,
            false,
            false,
        ),
        ("enterprise_endpoint", 401, SetUp, false, false),
        ("organization_not_found", 404, Session, false, false),
        ("member_not_found", 404, Session, false, false),
        ("session_not_found", 404, Session, false, false),
        ("user_not_found", 404, Session, false, false),
        (
            "member_does_not_exist_in_organization",
            400,
            Session,
            false,
            false,
        ),
        (
            "member_has_no_active_verified_email",
            400,
            Session,
            false,
            false,
        ),
        ("invalid_organization_id", 400, Session, false, false),
        ("invalid_session_token", 400, Session, false, false),
        ("invalid_request_value", 400, Session, false, false),
        ("bad_request", 400, Session, false, false),
        (
            "invalid_session_duration_minutes",
            400,
            Session,
            false,
            false,
        ),
        ("invalid_session_duration", 400, Session, false, false),
        ("custom_claims_too_large", 400, Session, false, false),
        (
            "reserved_claims_in_custom_claims",
            400,
            Session,
            false,
            false,
        ),
        ("stytch_claims_in_custom_claims", 400, Session, false, false),
        (
            "unable_to_represent_custom_claims_json",
            400,
            Session,
            false,
            false,
        ),
        ("organization_suspended", 403, SetUp, false, false),
        ("use_https", 403, SetUp, false, false),
        ("method_not_allowed", 405, SetUp, false, false),
        ("route_not_found", 404, SetUp, false, false),
        ("too_many_requests", 429, Capacity, false, false),
        ("too_few_tokens_authenticated", 429, Capacity, false, false),
        ("captcha_failed", 429, Capacity, false, false),
        ("user_lock_limit_reached", 429, Session, false, false),
        ("internal_server_error", 500, Transient, true, true),
        ("server_unavailable", 503, Transient, true, true),
        ("client_closed_request", 499, Transient, true, true),
        ("duplicate_member_email", 400, Session, false, false),
        ("duplicate_member_external_id", 400, Session, false, false),
        ("duplicate_organization", 400, Session, false, false),
        ("organization_slug_already_used", 400, Session, false, false),
        (
            "organization_external_id_already_used",
            400,
            Session,
            false,
            false,
        ),
        ("duplicate_user_external_id", 400, Session, false, false),
        ("duplicate_email", 400, Session, false, false),
    ]
};

#[test]
fn every_named_type_has_its_class_and_costs_what_it_should() {
    for &(name, status, class, minted, spends) in NAMED {
        let refusal = refusal(status, Some(name));
        let judgement = judge(&refusal);
        assert_eq!(judgement.class(), class, "{name}");
        assert_eq!(may_have_minted(&refusal), minted, "{name}");
        assert_eq!(judgement.spends_an_attempt(), spends, "{name}");
        assert!(judgement.remedy().len() > 10, "{name}");
    }
}

#[test]
fn the_table_has_each_named_type_once_and_no_other() {
    let names = FAILURES.iter().map(|row| row.error_type);
    let expected: BTreeSet<_> = NAMED.iter().map(|row| row.0).collect();
    assert_eq!(names.clone().collect::<BTreeSet<_>>(), expected);
    assert_eq!(names.count(), NAMED.len());
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
fn a_documented_status_says_the_same_as_the_table() {
    for &(name, status, ..) in NAMED {
        let row = FAILURES.iter().find(|row| row.error_type == name).unwrap();
        assert!(
            row.status.is_none_or(|documented| documented == status),
            "{name}"
        );
    }
}

#[test]
fn an_unheard_of_type_is_judged_by_its_status() {
    let unheard_of = Some("brand_new_error");
    for (status, expected) in [
        (400, Session(DeadReason::Refused)),
        (409, Session(DeadReason::Refused)),
        (401, SetUp(PauseCause::Credentials)),
        (403, SetUp(PauseCause::Credentials)),
        (302, SetUp(PauseCause::WrongEndpoint)),
        (404, SetUp(PauseCause::WrongEndpoint)),
        (429, Capacity),
        (408, Transient),
        (502, Transient),
        (599, Transient),
    ] {
        assert_eq!(judge(&refusal(status, unheard_of)), expected, "{status}");
        assert_eq!(judge(&refusal(status, None)), expected, "{status}");
    }
    assert_eq!(
        judge(&refusal(
            200,
            Some("migrate_from_external_unexpected_response")
        )),
        Ambiguous
    );
}

#[test]
fn an_unheard_of_type_keeps_its_own_name_cut_and_cleaned() {
    let hostile = refusal(400, Some(&"Brand-New\u{1b}[31m".repeat(1000)));
    assert_eq!(judge(&hostile), Session(DeadReason::Refused));
    let name = hostile.error_type.unwrap();
    assert!(name.as_str().starts_with("brand_new_"), "{name:?}");
    assert!(name.as_str().len() <= 80);
}

#[test]
fn a_member_that_is_there_already_is_no_failure_of_its_creation() {
    assert!(is_already_there(&refusal(
        400,
        Some("duplicate_member_email")
    )));
    assert!(!is_already_there(&refusal(400, Some("bad_request"))));
    assert!(!is_already_there(&refusal(400, None)));
}

#[test]
fn the_documentation_has_a_line_for_each_name_and_each_status() {
    let table = failures_as_markdown();
    for row in FAILURES {
        assert!(
            table.contains(&format!("| `{}` |", row.error_type)),
            "{}",
            row.error_type
        );
    }
    assert_eq!(table.lines().count(), 2 + FAILURES.len() + 5);
    assert!(table.contains(
        "| `server_unavailable` | 503 | transient: tried again | maybe | yes | wait; see status.stytch.com if it lasts |\n"
    ));
    for line in table.lines() {
        assert_eq!(line.matches('|').count(), 7, "{line}");
    }
}

#[test]
fn the_documentation_has_this_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/failures.md");
    let page = std::fs::read_to_string(page).unwrap_or_default();
    let table = failures_as_markdown();
    assert!(
        page.contains(&table),
        "put this into docs/failures.md:\n{table}"
    );
}

proptest! {
    #[test]
    fn whatever_comes_is_judged_and_named(status in 300_u16..=999, name in ".{0,200}") {
        let refusal = refusal(status, Some(&name));
        prop_assert!(!judge(&refusal).remedy().is_empty());
        let name = refusal.error_type.unwrap();
        prop_assert!(name.as_str().len() <= 80);
        prop_assert!(name.as_str().bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')));
    }
}
