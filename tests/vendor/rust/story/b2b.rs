//! The B2B API.

use serde_json::{Value, json};
use stytch::b2b::client::Client;
use stytch::b2b::organizations::{SearchQuery, SearchQueryOperator};
use stytch::b2b::organizations_members as members;
use stytch::b2b::sessions::{
    AuthenticateRequest, GetRequest, MemberSession, MigrateRequest, MigrateResponse, RevokeRequest,
};
use stytch::consumer::debug::WhoamiRequest;
use stytch::consumer::m2m::{AuthenticateTokenRequest, AuthenticateTokenResponse};

use crate::errors::check_refused;
use crate::story::{STORY, b2b, claims, is_imported};

/// What migrate is asked for Alice, for an hour.
pub(crate) fn migration() -> MigrateRequest {
    MigrateRequest {
        session_token: STORY.alice.session_token.clone(),
        organization_id: STORY.alice.organization_id.clone(),
        session_duration_minutes: Some(60),
        session_custom_claims: Some(claims()),
    }
}

/// A session of Alice's, migrated.
async fn migrate(client: &Client) -> (MigrateResponse, MemberSession) {
    let mut reply = client
        .sessions
        .migrate(migration())
        .await
        .expect("Alice's session is migrated");
    let session = reply.member_session.take().expect("a session is minted");
    (reply, session)
}

async fn ids_of_alice(client: &Client, member_id: &str) -> Vec<String> {
    let request = GetRequest {
        organization_id: STORY.alice.organization_id.clone(),
        member_id: member_id.to_owned(),
    };
    let reply = client.sessions.get(request).await.expect("a list");
    let sessions = reply.member_sessions.into_iter();
    sessions.map(|session| session.member_session_id).collect()
}

/// What the SDK says of a session JWT. Its only public check is that of machines' tokens, which
/// have the same form.
async fn verify(client: &Client, jwt: String) -> stytch::Result<AuthenticateTokenResponse> {
    let request = AuthenticateTokenRequest {
        access_token: jwt,
        max_token_age_seconds: Some(60),
        ..AuthenticateTokenRequest::default()
    };
    client.m2m.authenticate_token(request).await
}

fn minutes_granted(session: &MemberSession) -> i64 {
    (session.expires_at - session.last_accessed_at).num_minutes()
}

#[tokio::test]
async fn a_client_knows_its_project() {
    let known = b2b().debug.whoami(WhoamiRequest {}).await;
    assert_eq!(known.expect("a project").project_id, STORY.project_id);
}

#[tokio::test]
async fn a_legacy_session_is_migrated() {
    let (reply, session) = migrate(&b2b()).await;
    assert_eq!(reply.status_code.as_u16(), 200);
    assert_eq!(reply.member.email_address, STORY.alice.email);
    assert_eq!(
        reply.organization.organization_id,
        STORY.alice.organization_id
    );
    assert_eq!(session.member_id, reply.member_id);
    assert_eq!(session.organization_id, STORY.alice.organization_id);
    assert_eq!(session.custom_claims, Some(claims()));
    assert!(is_imported(&session.authentication_factors));
    assert_eq!(minutes_granted(&session), 60);
    let is_new = reply.session_token != STORY.alice.session_token;
    assert!(is_new, "the token is the legacy one");
}

#[tokio::test]
async fn an_organization_is_known_by_its_slug_and_external_id() {
    let client = b2b();
    let alice = &STORY.alice;
    for reference in [&alice.organization_slug, &alice.organization_external_id] {
        let request = MigrateRequest {
            organization_id: reference.clone(),
            ..migration()
        };
        let reply = client.sessions.migrate(request).await.expect("a session");
        assert_eq!(reply.organization.organization_id, alice.organization_id);
    }
}

#[tokio::test]
async fn options_that_are_left_out_are_sent_as_null_and_taken() {
    let request = MigrateRequest {
        session_duration_minutes: None,
        session_custom_claims: None,
        ..migration()
    };
    let reply = b2b().sessions.migrate(request).await.expect("a session");
    let session = reply.member_session.expect("a session is minted");
    assert_eq!(minutes_granted(&session), 60, "Stytch's default");
}

#[tokio::test]
async fn a_session_jwt_is_verified_by_the_key_set_alone() {
    let client = b2b();
    let (reply, session) = migrate(&client).await;
    let verified = verify(&client, reply.session_jwt).await;
    let mut claims = verified.expect("the JWT is verified");
    assert_eq!(claims.client_id, reply.member_id);
    assert_eq!(claims.scopes, ["ferry:migrate"]);
    let mut claim = |name: &str| claims.custom_claims.remove(name).unwrap_or(Value::Null);
    assert_eq!(claim("ferry_attempt"), json!("attempt-1"));
    assert_eq!(
        claim("https://stytch.com/session")["id"],
        json!(session.member_session_id)
    );
    assert_eq!(
        claim("https://stytch.com/organization"),
        json!({
            "organization_id": STORY.alice.organization_id,
            "slug": STORY.alice.organization_slug,
        })
    );
}

#[tokio::test]
async fn a_session_jwt_with_the_signature_of_another_is_refused() {
    let client = b2b();
    let [one, other] = [migrate(&client).await, migrate(&client).await];
    let (signed, _) = one.0.session_jwt.rsplit_once('.').expect("three parts");
    let (_, signature) = other.0.session_jwt.rsplit_once('.').expect("three parts");
    let refused = verify(&client, format!("{signed}.{signature}")).await;
    assert!(matches!(refused, Err(stytch::Error::JWTError(_))));
}

#[tokio::test]
async fn a_session_is_listed() {
    let client = b2b();
    let (reply, session) = migrate(&client).await;
    let listed = ids_of_alice(&client, &reply.member_id).await;
    assert!(listed.contains(&session.member_session_id));
}

#[tokio::test]
async fn a_session_is_authenticated_and_extended() {
    let client = b2b();
    let (minted, session) = migrate(&client).await;
    let request = AuthenticateRequest {
        session_token: Some(minted.session_token.clone()),
        session_duration_minutes: Some(120),
        ..AuthenticateRequest::default()
    };
    let reply = client.sessions.authenticate(request).await;
    let reply = reply.expect("the session lives");
    let is_same = reply.session_token == minted.session_token;
    assert!(is_same, "the token changed");
    let extended = reply.member_session;
    assert_eq!(extended.member_session_id, session.member_session_id);
    assert_eq!(minutes_granted(&extended), 120);
}

#[tokio::test]
async fn a_revoked_session_is_gone() {
    let client = b2b();
    let (minted, session) = migrate(&client).await;
    let id = session.member_session_id;
    let request = RevokeRequest {
        member_session_id: Some(id.clone()),
        ..RevokeRequest::default()
    };
    let revoked = client.sessions.revoke(request).await;
    assert_eq!(revoked.expect("it is revoked").status_code.as_u16(), 200);
    let listed = ids_of_alice(&client, &minted.member_id).await;
    assert!(!listed.contains(&id), "it is still listed");
    let request = AuthenticateRequest {
        session_token: Some(minted.session_token),
        ..AuthenticateRequest::default()
    };
    let refused = client.sessions.authenticate(request).await;
    check_refused(refused, "session_not_found", Some(404));
}

#[tokio::test]
async fn a_member_is_created_found_and_refused_a_second_time() {
    let members = b2b().organizations.members;
    let organization_id = &STORY.alice.organization_id;
    let new = || members::CreateRequest {
        organization_id: organization_id.clone(),
        email_address: "nora.new@example.com".to_owned(),
        name: Some("Nora New".to_owned()),
        external_id: Some("nora-1".to_owned()),
        trusted_metadata: Some(json!({ "plan": "gold" })),
        ..members::CreateRequest::default()
    };
    let created = members.create(new()).await.expect("a new member");
    assert_eq!(created.member.status, "active");
    assert_eq!(
        created.member.trusted_metadata,
        Some(json!({ "plan": "gold" }))
    );
    assert_eq!(&created.organization.organization_id, organization_id);
    for (member_id, email_address) in [
        (Some(created.member_id.as_str()), None),
        (Some("nora-1"), None),
        (None, Some("nora.new@example.com")),
    ] {
        let request = members::GetRequest {
            organization_id: organization_id.clone(),
            member_id: member_id.map(str::to_owned),
            email_address: email_address.map(str::to_owned),
        };
        let found = members.get(request).await.expect("she is there");
        assert_eq!(found.member_id, created.member_id);
    }
    let again = members.create(new()).await;
    check_refused(again, "duplicate_member_email", Some(400));
}

#[tokio::test]
async fn members_are_searched() {
    let request = members::SearchRequest {
        organization_ids: vec![STORY.alice.organization_id.clone()],
        query: Some(SearchQuery {
            operator: SearchQueryOperator::AND,
            operands: vec![json!({
                "filter_name": "member_emails",
                "filter_value": [STORY.alice.email],
            })],
        }),
        ..members::SearchRequest::default()
    };
    let reply = b2b().organizations.members.search(request).await;
    let reply = reply.expect("a page");
    let emails: Vec<_> = reply.members.iter().map(|one| &one.email_address).collect();
    assert_eq!(emails, [&STORY.alice.email]);
    assert_eq!(reply.results_metadata.total, 1);
    let organizations: Vec<_> = reply.organizations.keys().collect();
    assert_eq!(organizations, [&STORY.alice.organization_id]);
}
