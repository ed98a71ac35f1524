//! What is on the wire.

use ferry_core::Timestamp;
use ferry_core::id::AttemptId;
use ferry_core::outcome::{CallOutcome, ErrorType};
use ferry_stytch::{Api, Created, Failure, ListedSession, Member, NewMember, Whoami};
use serde_json::json;

use crate::server::{PROJECT, Server, TOKEN, error_reply, json_reply, migrate, minted_reply};

const EXPIRES_AT: &str = "2026-01-01T01:00:00Z";

#[tokio::test]
async fn a_migrate_call_is_what_the_api_reference_says() {
    let server = Server::answering(minted_reply()).await;
    server.migrate().await;
    let request = server.only_request();
    assert_eq!(request.line(), "POST /v1/b2b/sessions/migrate HTTP/1.1");
    let expected = [
        ("content-type", "application/json"),
        ("user-agent", concat!("ferry/", env!("CARGO_PKG_VERSION"))),
        ("accept", "*/*"),
        // project id and secret of `server.rs`
        (
            "authorization",
            "Basic cHJvamVjdC10ZXN0LTExMTExMTExLTExMTEtNDExMS04MTExLTExMTExMTExMTExMTpzZWNyZXQtdGVzdC1jYW5hcnktc2VjcmV0",
        ),
    ];
    for (name, value) in expected {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    for absent in ["transfer-encoding", "accept-encoding", "referer"] {
        assert_eq!(request.header(absent), None, "{absent}");
    }
    assert_eq!(
        request.json(),
        json!({
            "session_token": TOKEN,
            "organization_id": "acme",
            "session_duration_minutes": 60,
            "session_custom_claims": {"ferry_attempt": AttemptId([7; 16]).to_string()},
        })
    );
}

#[tokio::test]
async fn a_consumer_migrate_call_has_its_own_path_and_reply() {
    let body = json!({
        "user_id": "user-test-1",
        "session_token": "token",
        "session_jwt": "",
        "user": {"emails": [{"email": "alice@example.com"}]},
        "session": {"session_id": "session-test-1", "expires_at": EXPIRES_AT},
    });
    let server = Server::answering(json_reply(200, &body)).await;
    let outcome = migrate(&server.client(Api::Consumer)).await;
    let CallOutcome::Minted(minted) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(minted.member_id, "user-test-1");
    let request = server.only_request();
    assert_eq!(request.line(), "POST /v1/sessions/migrate HTTP/1.1");
    assert_eq!(request.json().get("organization_id"), None);
}

#[tokio::test]
async fn listed_sessions_name_the_attempt_that_minted_them() {
    let ours = AttemptId([9; 16]);
    let body = json!({"member_sessions": [
        {"member_session_id": "s1", "expires_at": EXPIRES_AT, "custom_claims": {"ferry_attempt": ours.to_string(), "plan": "pro"}},
        {"member_session_id": "s2", "expires_at": EXPIRES_AT},
        {"member_session_id": "s3", "expires_at": EXPIRES_AT, "custom_claims": {"ferry_attempt": {"not": "ours"}}},
        {"member_session_id": "s4", "expires_at": EXPIRES_AT, "custom_claims": null},
    ]});
    let server = Server::answering(json_reply(200, &body)).await;
    let client = server.client(Api::B2b);
    let listed = client
        .list_sessions("organization-test-1", "auth0|a b&c")
        .await;
    let expected = |id: &str, attempt| ListedSession {
        member_session_id: id.into(),
        attempt,
        expires_at: Timestamp::parse(EXPIRES_AT).unwrap(),
    };
    let others = ["s2", "s3", "s4"].map(|id| expected(id, None));
    let all: Vec<_> = std::iter::once(expected("s1", Some(ours)))
        .chain(others)
        .collect();
    assert_eq!(listed, Ok(all));
    assert_eq!(
        server.only_request().line(),
        "GET /v1/b2b/sessions?organization_id=organization-test-1&member_id=auth0%7Ca+b%26c HTTP/1.1"
    );
}

#[tokio::test]
async fn a_users_sessions_are_listed_without_an_organization() {
    let body = json!({"sessions": [{"session_id": "s1", "user_id": "u"}]});
    let server = Server::answering(json_reply(200, &body)).await;
    let listed = server
        .client(Api::Consumer)
        .list_sessions("", "user-test-1")
        .await;
    let expected = ListedSession {
        member_session_id: "s1".into(),
        attempt: None,
        expires_at: Timestamp::NEVER,
    };
    assert_eq!(listed, Ok(vec![expected]));
    let line = "GET /v1/sessions?user_id=user-test-1 HTTP/1.1";
    assert_eq!(server.only_request().line(), line);
}

#[tokio::test]
async fn a_session_is_revoked_by_its_id_alone() {
    for (api, line, field) in [
        (
            Api::B2b,
            "POST /v1/b2b/sessions/revoke HTTP/1.1",
            "member_session_id",
        ),
        (
            Api::Consumer,
            "POST /v1/sessions/revoke HTTP/1.1",
            "session_id",
        ),
    ] {
        let server = Server::answering(json_reply(200, &json!({"status_code": 200}))).await;
        assert_eq!(server.client(api).revoke("s1").await, Ok(()));
        let request = server.only_request();
        assert_eq!(request.line(), line);
        assert_eq!(request.json(), json!({field: "s1"}));
    }
}

#[tokio::test]
async fn revoking_a_session_that_is_gone_is_done() {
    let server = Server::answering(error_reply(404, "session_not_found")).await;
    assert_eq!(server.client(Api::B2b).revoke("s1").await, Ok(()));
}

#[tokio::test]
async fn a_revocation_that_failed_is_not_taken_for_done() {
    for (status, error_type) in [
        (404, "route_not_found"),
        (429, "too_many_requests"),
        (500, "internal_server_error"),
    ] {
        let server = Server::answering(error_reply(status, error_type)).await;
        let failure = server.client(Api::B2b).revoke("s1").await.unwrap_err();
        let Failure::Refused(refusal) = failure else {
            panic!("{failure:?}");
        };
        assert_eq!(refusal.error_type, Some(ErrorType::sanitized(error_type)));
    }
}

#[tokio::test]
async fn a_member_is_found_by_organization_and_email() {
    let body = json!({
        "member_id": "m1",
        "member": {"member_id": "m1", "organization_id": "organization-test-1"},
    });
    let server = Server::answering(json_reply(200, &body)).await;
    let client = server.client(Api::B2b);
    let found = client
        .find_member("auth0|acme/x", "alice+1@example.com")
        .await;
    let expected = Member {
        member_id: "m1".into(),
        organization_id: "organization-test-1".into(),
    };
    assert_eq!(found, Ok(Some(expected)));
    assert_eq!(
        server.only_request().line(),
        "GET /v1/b2b/organizations/auth0%7Cacme%2Fx/member?email_address=alice%2B1%40example.com HTTP/1.1"
    );
}

#[tokio::test]
async fn a_user_is_searched_for_by_email() {
    let found =
        json!({"results": [{"user_id": "u1", "emails": []}], "results_metadata": {"total": 1}});
    let server = Server::answering(json_reply(200, &found)).await;
    let client = server.client(Api::Consumer);
    let expected = Member {
        member_id: "u1".into(),
        organization_id: String::new(),
    };
    assert_eq!(
        client.find_member("", "alice@example.com").await,
        Ok(Some(expected))
    );
    let request = server.only_request();
    assert_eq!(request.line(), "POST /v1/users/search HTTP/1.1");
    assert_eq!(
        request.json()["query"]["operands"],
        json!([{"filter_name": "email_address", "filter_value": ["alice@example.com"]}])
    );

    let nobody = json!({"results": [], "results_metadata": {"total": 0}});
    let server = Server::answering(json_reply(200, &nobody)).await;
    let client = server.client(Api::Consumer);
    assert_eq!(client.find_member("", "bob@example.com").await, Ok(None));
}

#[tokio::test]
async fn a_missing_member_is_none_and_a_missing_organization_a_failure() {
    let server = Server::answering(error_reply(404, "member_not_found")).await;
    let client = server.client(Api::B2b);
    assert_eq!(
        client.find_member("acme", "bob@example.com").await,
        Ok(None)
    );

    let server = Server::answering(error_reply(404, "organization_not_found")).await;
    let client = server.client(Api::B2b);
    assert!(client.find_member("acme", "bob@example.com").await.is_err());
}

#[tokio::test]
async fn an_organization_that_would_name_another_path_is_not_asked_for() {
    let server = Server::answering(json_reply(200, &json!({}))).await;
    let client = server.client(Api::B2b);
    for organization in ["", ".", ".."] {
        let failure = client.find_member(organization, "alice@example.com").await;
        let Err(Failure::Refused(refusal)) = failure else {
            panic!("{failure:?}");
        };
        let name = ErrorType::sanitized("organization_not_found");
        assert_eq!(refusal.error_type, Some(name));
    }
    assert_eq!(server.request_count(), 0);
}

#[tokio::test]
async fn whoami_tells_the_project() {
    let body =
        json!({"project_id": PROJECT, "name": "Acme", "request_id": "r", "status_code": 200});
    let server = Server::answering(json_reply(200, &body)).await;
    let expected = Whoami {
        project_id: PROJECT.into(),
        name: "Acme".into(),
    };
    assert_eq!(server.client(Api::B2b).whoami().await, Ok(expected));
    assert_eq!(
        server.only_request().line(),
        "GET /v1/debug/whoami HTTP/1.1"
    );
}

#[tokio::test]
async fn wrong_credentials_are_told_with_their_remedy() {
    let server = Server::answering(error_reply(401, "unauthorized_credentials")).await;
    let failure = server.client(Api::B2b).whoami().await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "Stytch answered 401 unauthorized_credentials (request-id-test-1): set FERRY_STYTCH__PROJECT_ID and FERRY_STYTCH__SECRET to a pair of the same environment"
    );
}

const CAROL: NewMember<'_> = NewMember {
    organization: "org/1",
    email: "carol@example.com",
    name: Some("Carol Ng"),
    external_id: Some("auth0|7"),
};

#[tokio::test]
async fn a_member_is_created_active_in_its_organization() {
    let server = Server::answering(json_reply(200, &json!({"member_id": "member-test-1"}))).await;
    let created = server.client(Api::B2b).create_member(&CAROL).await;
    assert_eq!(created, Ok(Created::New));
    let request = server.only_request();
    let line = "POST /v1/b2b/organizations/org%2F1/members HTTP/1.1";
    assert_eq!(request.line(), line);
    assert_eq!(
        request.json(),
        json!({
            "email_address": "carol@example.com",
            "name": "Carol Ng",
            "create_member_as_pending": false,
            "external_id": "auth0|7",
        })
    );
}

#[tokio::test]
async fn a_user_is_created_with_what_is_known_and_no_more() {
    let server = Server::answering(json_reply(200, &json!({"user_id": "user-test-1"}))).await;
    let client = server.client(Api::Consumer);
    let nameless = NewMember {
        name: None,
        external_id: None,
        ..CAROL
    };
    assert_eq!(client.create_member(&nameless).await, Ok(Created::New));
    assert_eq!(client.create_member(&CAROL).await, Ok(Created::New));
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].line(), "POST /v1/users HTTP/1.1");
    let email = "carol@example.com";
    assert_eq!(
        seen[0].json(),
        json!({"email": email, "create_user_as_pending": false})
    );
    let name = json!({"first_name": "Carol Ng"});
    assert_eq!(
        seen[1].json(),
        json!({"email": email, "name": name, "create_user_as_pending": false, "external_id": "auth0|7"})
    );
}

#[tokio::test]
async fn an_organization_that_no_path_can_name_gets_no_member() {
    let server = Server::answering(json_reply(200, &json!({}))).await;
    let new = NewMember {
        organization: "..",
        ..CAROL
    };
    let refused = server.client(Api::B2b).create_member(&new).await;
    assert!(
        matches!(refused, Err(Failure::Refused(refusal)) if refusal.status == 404),
        "not refused"
    );
    assert_eq!(server.request_count(), 0);
}
