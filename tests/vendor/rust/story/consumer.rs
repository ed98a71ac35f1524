//! The Consumer API.

use stytch::consumer::m2m::AuthenticateTokenRequest;
use stytch::consumer::sessions::{AuthenticateRequest, GetRequest, MigrateRequest, RevokeRequest};
use stytch::consumer::users;

use crate::errors::check_refused;
use crate::story::{STORY, claims, consumer, is_imported};

#[tokio::test]
async fn a_consumer_session_is_migrated_verified_listed_and_revoked() {
    let client = consumer();
    let request = MigrateRequest {
        session_token: STORY.alice.session_token.clone(),
        session_duration_minutes: Some(60),
        session_custom_claims: Some(claims()),
        telemetry_id: None,
    };
    let minted = client.sessions.migrate(request).await;
    let minted = minted.expect("Alice's session is migrated");
    let emails: Vec<_> = minted.user.emails.iter().map(|one| &one.email).collect();
    assert_eq!(emails, [&STORY.alice.email]);
    let session = minted.session.expect("a session is minted");
    assert!(is_imported(&session.authentication_factors));
    assert_eq!(session.custom_claims, Some(claims()));

    let verified = client.m2m.authenticate_token(AuthenticateTokenRequest {
        access_token: minted.session_jwt,
        ..AuthenticateTokenRequest::default()
    });
    let verified = verified.await.expect("the JWT is verified");
    assert_eq!(verified.client_id, minted.user_id);

    let user_id = &minted.user_id;
    let listed = client.sessions.get(GetRequest {
        user_id: user_id.clone(),
    });
    let listed = listed.await.expect("a list").sessions;
    let is_listed = listed
        .iter()
        .any(|one| one.session_id == session.session_id);
    assert!(is_listed, "the session is not listed");
    let found = client.users.get(users::GetRequest {
        user_id: user_id.clone(),
    });
    assert_eq!(&found.await.expect("the user").user_id, user_id);

    let revoked = client.sessions.revoke(RevokeRequest {
        session_id: Some(session.session_id),
        ..RevokeRequest::default()
    });
    assert_eq!(revoked.await.expect("it is").status_code.as_u16(), 200);
    let refused = client.sessions.authenticate(AuthenticateRequest {
        session_token: Some(minted.session_token),
        ..AuthenticateRequest::default()
    });
    check_refused(refused.await, "session_not_found", Some(404));
}
