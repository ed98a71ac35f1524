use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;

fn jwt() -> String {
    let claims = json!({
        "https://stytch.com/session": {"id": "session-by-jwt", "expires_at": "2026-01-01T02:00:00Z"},
    });
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn alice() -> Value {
    json!({
        "status_code": 200,
        "request_id": "request-id-test-1",
        "member_id": "member-test-1",
        "session_token": "stytch-token",
        "session_jwt": jwt(),
        "member": {"member_id": "member-test-1", "email_address": "alice@example.com", "external_id": "auth0|1", "roles": []},
        "organization": {"organization_id": "organization-test-1", "organization_slug": "acme", "organization_external_id": "tenant|7"},
        "member_session": {"member_session_id": "member-session-test-1", "expires_at": "2026-01-01T01:00:00Z", "roles": []},
    })
}

fn alice_without(field: &str) -> Value {
    let mut reply = alice();
    reply.as_object_mut().unwrap().remove(field).expect(field);
    reply
}

fn b2b(reply: &Value) -> Result<MintedSession, Failure> {
    read(Api::B2b, reply.to_string().as_bytes())
}

const UNREADABLE: Failure = Failure::Unanswered(Unanswered::Unreadable);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn a_members_session_is_read() {
    let minted = b2b(&alice()).unwrap();
    assert_eq!(minted.member_id, "member-test-1");
    assert_eq!(minted.emails, ["alice@example.com"]);
    assert_eq!(minted.external_id.as_deref(), Some("auth0|1"));
    assert_eq!(minted.member_session_id, "member-session-test-1");
    assert_eq!(minted.session_token.expose_secret(), "stytch-token");
    assert_eq!(minted.expires_at, at("2026-01-01T01:00:00Z"));
    assert_eq!(
        minted.organization,
        Some(MintedOrganization {
            id: "organization-test-1".into(),
            slug: "acme".into(),
            external_id: Some("tenant|7".into()),
        })
    );
}

#[test]
fn a_users_session_is_read_with_all_emails() {
    let reply = json!({
        "user_id": "user-test-1",
        "session_token": "stytch-token",
        "session_jwt": "eyJ",
        "user": {"emails": [{"email": "alice@work.example"}, {"email": "alice@example.com"}]},
        "session": {"session_id": "session-test-1", "expires_at": "2026-01-01T01:00:00Z"},
    });
    let minted = read(Api::Consumer, reply.to_string().as_bytes()).unwrap();
    assert_eq!(minted.organization, None);
    assert_eq!(minted.member_id, "user-test-1");
    assert_eq!(minted.emails, ["alice@work.example", "alice@example.com"]);
    assert_eq!(minted.member_session_id, "session-test-1");
}

#[test]
fn a_reply_without_a_session_object_is_read_by_its_jwt() {
    for reply in [
        alice_without("member_session"),
        with(alice(), "member_session", Value::Null),
        with(alice(), "member_session", json!({"roles": []})),
    ] {
        let minted = b2b(&reply).unwrap();
        assert_eq!(minted.member_session_id, "session-by-jwt");
        assert_eq!(minted.expires_at, at("2026-01-01T02:00:00Z"));
    }
}

#[test]
fn neither_session_object_nor_claim_is_unreadable() {
    for jwt in [json!("eyJ"), Value::Null, json!(7)] {
        let reply = with(alice_without("member_session"), "session_jwt", jwt);
        assert_eq!(b2b(&reply).unwrap_err(), UNREADABLE);
    }
}

#[test]
fn a_reply_that_lacks_what_ferry_keeps_is_unreadable() {
    for field in ["member_id", "session_token", "organization"] {
        assert_eq!(
            b2b(&alice_without(field)).unwrap_err(),
            UNREADABLE,
            "{field}"
        );
    }
    for field in ["member_id", "session_token"] {
        let empty = with(alice(), field, json!(""));
        assert_eq!(b2b(&empty).unwrap_err(), UNREADABLE, "{field}");
    }
    for body in ["", "{}", "[]", "<html>", "{\"member_id\":\"m"] {
        assert_eq!(read(Api::B2b, body.as_bytes()).unwrap_err(), UNREADABLE);
    }
}

#[test]
fn an_empty_name_is_no_name() {
    let member = json!({"email_address": "", "external_id": ""});
    let minted = b2b(&with(alice(), "member", member)).unwrap();
    assert!(minted.emails.is_empty());
    assert_eq!(minted.external_id, None);
}

#[test]
fn the_smallest_body_that_the_vendors_sdks_accept_is_read() {
    let body = include_str!("../tests/fixtures/ok-b2b-migrate.json");
    let minted = read(Api::B2b, body.as_bytes()).unwrap();
    assert_eq!(minted.member_session_id, "member-session-test-1");
    assert_eq!(minted.emails, ["a@b.c"]);
}

fn with(mut reply: Value, field: &str, value: Value) -> Value {
    reply[field] = value;
    reply
}
