//! The SDK's typed errors.

use stytch::b2b::sessions::{MigrateRequest, MigrateResponse};

use crate::b2b::migration;
use crate::story::{STORY, b2b, b2b_at};

/// The call ended in the SDK's typed error, with this HTTP status if one is documented.
pub(crate) fn check_refused<T>(
    reply: stytch::Result<T>,
    error_type: &str,
    status_code: Option<u16>,
) {
    let error = match reply.err().expect("the call is refused") {
        stytch::Error::Response(error) => error,
        other => panic!("not a typed error: {other}"),
    };
    assert_eq!(error.error_type, error_type);
    assert!(!error.request_id.is_empty());
    let told = error.status_code.as_u16();
    assert_eq!(told, status_code.unwrap_or(told));
}

async fn migrate(request: MigrateRequest) -> stytch::Result<MigrateResponse> {
    b2b().sessions.migrate(request).await
}

#[tokio::test]
async fn somebody_whom_stytch_does_not_know_is_not_migrated() {
    let reply = migrate(MigrateRequest {
        session_token: STORY.ursula.session_token.clone(),
        organization_id: STORY.ursula.organization_id.clone(),
        ..migration()
    });
    check_refused(
        reply.await,
        "migrate_from_external_email_does_not_exist",
        None,
    );
}

#[tokio::test]
async fn a_token_that_userinfo_refuses_is_not_migrated() {
    let reply = migrate(MigrateRequest {
        session_token: STORY.expired_session_token.clone(),
        ..migration()
    });
    check_refused(
        reply.await,
        "migrate_from_external_unexpected_response",
        None,
    );
}

#[tokio::test]
async fn an_unknown_organization_is_told() {
    let reply = migrate(MigrateRequest {
        organization_id: "organization-test-00000000-0000-4000-8000-000000000000".to_owned(),
        ..migration()
    });
    check_refused(reply.await, "organization_not_found", Some(404));
}

#[tokio::test]
async fn a_wrong_secret_is_told() {
    let client = b2b_at(&STORY.base_url, "secret-test-wrong");
    let reply = client.sessions.migrate(migration()).await;
    check_refused(reply, "unauthorized_credentials", Some(401));
}

#[tokio::test]
async fn a_limit_is_told() {
    let client = b2b_at(&STORY.limited_base_url, &STORY.secret);
    let reply = client.sessions.migrate(migration()).await;
    check_refused(reply, "too_many_requests", Some(429));
}
