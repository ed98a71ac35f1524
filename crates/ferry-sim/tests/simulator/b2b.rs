//! The B2B sessions.

use std::time::Duration;

use ferry_sim::{Faults, Options, Population, ReservedClaims};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Reply, start};
use crate::schema::{B2B, check};

#[track_caller]
fn assert_fails(reply: &Reply, status: u16, error_type: &str) {
    assert_eq!(
        (reply.status, reply.error_type().as_str()),
        (status, error_type)
    );
    let body = reply.json();
    assert_eq!(body["status_code"], status);
    for field in ["request_id", "error_message", "error_url"] {
        assert!(body[field].is_string(), "{field}: {body}");
    }
}

#[tokio::test]
async fn a_migrated_session_has_every_field_of_the_schema() {
    let sim = start(|_| {}).await;
    let reply = sim.migrate(3).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let body = reply.json();
    check(B2B, "api_b2b_session_v1_MigrateResponse", &body);
    let alice = sim.person(3);
    assert_eq!(body["member"]["email_address"], alice.email);
    assert_eq!(body["member"]["external_id"], alice.subject);
    assert_eq!(
        body["organization"]["organization_id"],
        sim.organization_id(3)
    );
    let factor = &body["member_session"]["authentication_factors"][0];
    assert_eq!(
        (&factor["type"], &factor["delivery_method"]),
        (&json!("imported"), &json!("imported_auth0"))
    );
    assert_ne!(body["session_token"], sim.migration(3)["session_token"]);
    assert_eq!(reply.text_of("session_token").len(), 44);
}

#[tokio::test]
async fn userinfo_is_really_called() {
    let sim = start(|_| {}).await;
    sim.migrate(0).await;
    assert_eq!(sim.simulator.audit().calls_of("userinfo", "ok"), 1);
}

#[tokio::test]
async fn an_organization_goes_by_id_slug_or_external_id() {
    let sim = start(|_| {}).await;
    let organization = sim
        .simulator
        .population()
        .organization(sim.person(0).organization);
    for reference in [
        organization.organization_id,
        organization.slug,
        organization.external_id,
    ] {
        let mut body = sim.migration(0);
        body["organization_id"] = json!(reference);
        assert_eq!(
            sim.post("/v1/b2b/sessions/migrate", body).await.status,
            200,
            "{reference}"
        );
        let found = sim.get(&format!("/v1/b2b/organizations/{reference}")).await;
        check(B2B, "api_organization_v1_GetResponse", &found.json());
    }
    let unknown = sim.get("/v1/b2b/organizations/nobody").await;
    assert_fails(&unknown, 404, "organization_not_found");
}

#[tokio::test]
async fn each_success_mints_another_session() {
    let sim = start(|_| {}).await;
    let (first, second) = (sim.migrate(0).await, sim.migrate(0).await);
    assert_ne!(
        first.text_of("session_token"),
        second.text_of("session_token")
    );
    assert_eq!(sim.listed(0).await.len(), 2);
}

#[tokio::test]
async fn a_session_without_a_duration_lives_for_an_hour_and_keeps_no_claims() {
    let sim = start(|_| {}).await;
    let mut body = sim.migration(0);
    // As the Rust SDK sends what is not set.
    body["session_duration_minutes"] = Value::Null;
    body["session_custom_claims"] = json!({ "attempt": "a" });
    let session = sim.post("/v1/b2b/sessions/migrate", body).await.json()["member_session"].take();
    assert_eq!(session["custom_claims"], json!({}));
    sim.simulator.advance(Duration::from_mins(59));
    assert_eq!(sim.listed(0).await.len(), 1);
    sim.simulator.advance(Duration::from_mins(1));
    assert_eq!(sim.listed(0).await.len(), 0);
}

#[tokio::test]
async fn claims_are_kept_with_a_duration_and_reserved_ones_are_ignored() {
    let sim = start(|_| {}).await;
    let mut body = sim.migration(0);
    body["session_custom_claims"] = json!({ "attempt": "a", "sub": "mallory", "gone": null });
    let reply = sim.post("/v1/b2b/sessions/migrate", body).await.json();
    assert_eq!(
        reply["member_session"]["custom_claims"],
        json!({ "attempt": "a" })
    );
}

#[tokio::test]
async fn reserved_claims_are_rejected_when_the_switch_says_so() {
    let sim = start(|options| options.faults.reserved_claims = ReservedClaims::Rejected).await;
    let mut body = sim.migration(0);
    body["session_custom_claims"] = json!({ "sub": "mallory" });
    let reply = sim.post("/v1/b2b/sessions/migrate", body).await;
    assert_fails(&reply, 400, "reserved_claims_in_custom_claims");
}

#[tokio::test]
async fn bad_values_are_told_apart() {
    let sim = start(|options| options.session_cap_minutes = 100).await;
    for (field, value, status, error_type) in [
        (
            "session_duration_minutes",
            json!(4),
            400,
            "invalid_session_duration_minutes",
        ),
        (
            "session_duration_minutes",
            json!(527_041),
            400,
            "invalid_session_duration_minutes",
        ),
        (
            "session_duration_minutes",
            json!(101),
            400,
            "invalid_session_duration",
        ),
        ("session_duration_minutes", json!("60"), 400, "bad_request"),
        (
            "session_custom_claims",
            json!({ "a": "x".repeat(4096) }),
            400,
            "custom_claims_too_large",
        ),
        (
            "organization_id",
            Value::Null,
            400,
            "invalid_organization_id",
        ),
        (
            "organization_id",
            json!("nobody"),
            404,
            "organization_not_found",
        ),
        ("session_token", json!(""), 400, "invalid_session_token"),
        (
            "session_token",
            json!("unknown"),
            400,
            "migrate_from_external_unexpected_response",
        ),
    ] {
        let mut body = sim.migration(0);
        body[field] = value;
        assert_fails(
            &sim.post("/v1/b2b/sessions/migrate", body).await,
            status,
            error_type,
        );
    }
    assert_eq!(sim.simulator.audit().sessions.minted, 0);
}

#[tokio::test]
async fn the_token_is_not_repeated_in_an_error() {
    let sim = start(|_| {}).await;
    let reply = sim
        .try_call(
            Method::POST,
            "/v1/b2b/sessions/migrate",
            Some(&json!(["canary-token"])),
        )
        .await
        .expect("a reply");
    assert_fails(&reply, 400, "bad_request");
    assert!(!reply.text.contains("canary"));
}

#[tokio::test]
async fn an_expired_or_revoked_token_is_an_unexpected_response() {
    let sim = start(|_| {}).await;
    let mut expired = sim.migration(0);
    expired["session_token"] = json!(sim.simulator.access_token(0, -1));
    let reply = sim.post("/v1/b2b/sessions/migrate", expired).await;
    assert_fails(&reply, 400, "migrate_from_external_unexpected_response");
    sim.simulator.set_legacy_session_revoked(0, true);
    assert_fails(
        &sim.migrate(0).await,
        400,
        "migrate_from_external_unexpected_response",
    );
    assert_eq!(
        sim.simulator.audit().calls_of("userinfo", "expired_token"),
        1
    );
    assert_eq!(
        sim.simulator.audit().calls_of("userinfo", "revoked_token"),
        1
    );
}

#[tokio::test]
async fn a_member_of_another_organization_is_not_found() {
    let sim = start(|_| {}).await;
    let other = 1 - sim.person(0).organization;
    let mut body = sim.migration(0);
    body["organization_id"] = json!(sim.simulator.population().organization(other).slug);
    let reply = sim.post("/v1/b2b/sessions/migrate", body).await;
    assert_fails(&reply, 404, "migrate_from_external_email_does_not_exist");
}

#[tokio::test]
async fn listed_sessions_have_no_tokens_and_fit_the_schema() {
    let sim = start(|_| {}).await;
    let token = sim.migrate(0).await.text_of("session_token");
    let path = format!(
        "/v1/b2b/sessions?organization_id={}&member_id={}",
        sim.organization_id(0),
        sim.person(0).subject.replace('|', "%7C"),
    );
    let reply = sim.get(&path).await;
    check(B2B, "api_b2b_session_v1_GetResponse", &reply.json());
    assert!(!reply.text.contains(&token));
    let unknown = sim
        .get(&format!(
            "/v1/b2b/sessions?organization_id={}&member_id=x",
            sim.organization_id(0)
        ))
        .await;
    assert_fails(&unknown, 404, "member_not_found");
}

#[tokio::test]
async fn a_session_is_authenticated_and_extended_by_token_and_by_jwt() {
    let sim = start(|_| {}).await;
    let minted = sim.migrate(0).await;
    let (token, jwt) = (
        minted.text_of("session_token"),
        minted.text_of("session_jwt"),
    );
    sim.simulator.advance(Duration::from_mins(50));
    let path = "/v1/b2b/sessions/authenticate";
    let same = sim.post(path, json!({ "session_token": token })).await;
    check(B2B, "api_b2b_session_v1_AuthenticateResponse", &same.json());
    assert_eq!(
        same.json()["member_session"]["expires_at"],
        minted.json()["member_session"]["expires_at"]
    );
    // The JWT has expired after five minutes, the session has not.
    let longer = sim
        .post(
            path,
            json!({ "session_jwt": jwt, "session_duration_minutes": 60 }),
        )
        .await;
    assert_eq!(longer.status, 200);
    sim.simulator.advance(Duration::from_mins(50));
    assert_eq!(
        sim.post(path, json!({ "session_token": token }))
            .await
            .status,
        200
    );
    sim.simulator.advance(Duration::from_mins(10));
    assert_fails(
        &sim.post(path, json!({ "session_token": token })).await,
        404,
        "session_not_found",
    );
}

#[tokio::test]
async fn exactly_one_of_token_and_jwt_authenticates() {
    let sim = start(|_| {}).await;
    let path = "/v1/b2b/sessions/authenticate";
    let both = json!({ "session_token": "a", "session_jwt": "b" });
    assert_fails(
        &sim.post(path, both).await,
        400,
        "too_many_session_arguments",
    );
    assert_fails(
        &sim.post(path, json!({})).await,
        400,
        "no_session_arguments",
    );
    let unknown = json!({ "session_token": "a" });
    assert_fails(&sim.post(path, unknown).await, 404, "session_not_found");
    let unreadable = json!({ "session_jwt": "a.b.c" });
    assert_fails(
        &sim.post(path, unreadable).await,
        400,
        "unable_to_parse_session_jwt",
    );
}

#[tokio::test]
async fn a_session_is_revoked_by_any_of_its_names() {
    let sim = start(|_| {}).await;
    for name in ["member_session_id", "session_token", "session_jwt"] {
        let minted = sim.migrate(0).await.json();
        let value = match name {
            "member_session_id" => &minted["member_session"][name],
            _ => &minted[name],
        };
        let reply = sim
            .post("/v1/b2b/sessions/revoke", json!({ name: value }))
            .await;
        check(B2B, "api_b2b_session_v1_RevokeResponse", &reply.json());
        assert!(sim.listed(0).await.is_empty(), "{name}");
    }
    assert_eq!(sim.simulator.audit().sessions.revoked, 3);
}

#[tokio::test]
async fn revoking_by_member_ends_all_sessions_of_that_member_only() {
    let sim = start(|_| {}).await;
    let member = sim.migrate(0).await.text_of("member_id");
    sim.migrate(0).await;
    sim.migrate(1).await;
    sim.post("/v1/b2b/sessions/revoke", json!({ "member_id": member }))
        .await;
    assert_eq!(
        (sim.listed(0).await.len(), sim.listed(1).await.len()),
        (0, 1)
    );
}

#[tokio::test]
async fn revoking_says_what_is_wrong() {
    let sim = start(|_| {}).await;
    let path = "/v1/b2b/sessions/revoke";
    assert_fails(
        &sim.post(path, json!({})).await,
        400,
        "no_session_revoke_arguments",
    );
    let two = json!({ "member_id": "a", "session_token": "b" });
    assert_fails(
        &sim.post(path, two).await,
        400,
        "too_many_session_revoke_arguments",
    );
    let unknown = json!({ "member_session_id": "member-session-test-x" });
    assert_fails(&sim.post(path, unknown).await, 404, "session_not_found");
}

#[tokio::test]
async fn the_session_jwt_has_the_claims_that_the_sdks_ask_for() {
    let sim = start(|_| {}).await;
    let mut body = sim.migration(0);
    body["session_custom_claims"] = json!({ "attempt": "a" });
    let minted = sim.post("/v1/b2b/sessions/migrate", body).await.json();
    let claims = claims(minted["session_jwt"].as_str().expect("a JWT"));
    let project = &sim.simulator.credentials().project_id;
    assert_eq!(claims["iss"], format!("stytch.com/{project}"));
    assert_eq!(claims["aud"], json!([project]));
    assert_eq!(claims["sub"], minted["member_id"]);
    assert_eq!(claims["attempt"], "a");
    let life = claims["exp"]
        .as_i64()
        .zip(claims["iat"].as_i64())
        .map(|(exp, iat)| exp - iat);
    assert_eq!(life, Some(300));
    let session = &claims["https://stytch.com/session"];
    assert_eq!(session["id"], minted["member_session"]["member_session_id"]);
    let organization = &claims["https://stytch.com/organization"];
    assert_eq!(
        organization["organization_id"],
        minted["organization"]["organization_id"]
    );
}

fn claims(jwt: &str) -> Value {
    use base64::Engine as _;
    let claims = jwt.split('.').nth(1).expect("a JWT has three parts");
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&engine.decode(claims).expect("base64")).expect("JSON")
}

#[tokio::test]
async fn the_key_set_verifies_the_session_jwt_and_needs_no_credentials() {
    use base64::Engine as _;
    let sim = start(|_| {}).await;
    let jwt = sim.migrate(0).await.text_of("session_jwt");
    let project = &sim.simulator.credentials().project_id;
    let url = format!(
        "{}/v1/b2b/sessions/jwks/{project}",
        sim.simulator.base_url()
    );
    // Without credentials, and with the body that the Rust SDK sends along.
    let reply = sim
        .http
        .get(url)
        .body("null")
        .send()
        .await
        .expect("a reply");
    let keys: Value = reply.json().await.expect("JSON");
    check(B2B, "api_b2b_session_v1_GetJWKSResponse", &keys);
    let decode = |text: &str| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .expect("base64")
    };
    let key = &keys["keys"][0];
    let public = ring::signature::RsaPublicKeyComponents {
        n: decode(key["n"].as_str().expect("a modulus")),
        e: decode(key["e"].as_str().expect("an exponent")),
    };
    let (signed, signature) = jwt.rsplit_once('.').expect("a JWT has three parts");
    public
        .verify(
            &ring::signature::RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &decode(signature),
        )
        .expect("the key signed it");
}

#[tokio::test]
async fn wrong_credentials_are_told_so_everywhere_but_at_the_key_set() {
    let sim = start(|_| {}).await;
    let base = sim.simulator.base_url();
    for path in ["/v1/debug/whoami", "/v1/b2b/sessions", "/v1/users/x"] {
        let request = sim
            .http
            .get(format!("{base}{path}"))
            .basic_auth("project-test-x", Some("y"));
        let reply = request.send().await.expect("a reply");
        assert_eq!(reply.status(), 401, "{path}");
        let body: Value = reply.json().await.expect("JSON");
        assert_eq!(body["error_type"], "unauthorized_credentials");
    }
    let reply = sim
        .http
        .get(format!("{base}/v1/debug/whoami"))
        .send()
        .await
        .expect("a reply");
    assert_eq!(reply.status(), 401);
}

#[tokio::test]
async fn whoami_names_the_project() {
    let sim = start(|_| {}).await;
    let reply = sim.get("/v1/debug/whoami").await.json();
    check(
        crate::schema::CONSUMER,
        "api_debug_v1_WhoamiResponse",
        &reply,
    );
    assert_eq!(reply["project_id"], sim.simulator.credentials().project_id);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_told_so() {
    let sim = start(|_| {}).await;
    assert_fails(&sim.get("/v1/b2b/nothing").await, 404, "route_not_found");
    assert_fails(
        &sim.get("/v1/b2b/sessions/migrate").await,
        405,
        "method_not_allowed",
    );
}

#[tokio::test]
async fn in_fast_mode_every_session_has_its_own_token_and_the_same_jwt() {
    let sim = start(|options: &mut Options| {
        options.fast = true;
        options.population = Population::new(5, 1);
        options.faults = Faults::default();
    })
    .await;
    let (first, second) = (sim.migrate(0).await, sim.migrate(1).await);
    check(B2B, "api_b2b_session_v1_MigrateResponse", &second.json());
    assert_ne!(
        first.text_of("session_token"),
        second.text_of("session_token")
    );
    assert_eq!(first.text_of("session_jwt"), second.text_of("session_jwt"));
    assert_eq!(sim.simulator.audit().calls_of("userinfo", "ok"), 2);
}

#[tokio::test]
async fn what_the_server_itself_refuses_has_the_envelope_too() {
    let sim = start(|_| {}).await;
    let undecodable = sim.get("/v1/b2b/sessions?member_id=%FF&member_id=2").await;
    assert_fails(&undecodable, 400, "bad_request");
    let mut long = sim.migration(0);
    long["session_token"] = json!("x".repeat(3 * 1024 * 1024));
    assert_fails(
        &sim.post("/v1/b2b/sessions/migrate", long).await,
        400,
        "bad_request",
    );
}
