//! The legacy provider.

use std::time::Duration;

use ferry_sim::{Faults, Options, PersonChange, Refresh};
use serde_json::{Value, json};

use crate::client::{Sim, start};

async fn userinfo(sim: &Sim, token: &str) -> reqwest::Response {
    let url = format!("{}/userinfo", sim.simulator.issuer());
    sim.http
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .expect("a reply")
}

fn header(reply: &reqwest::Response, name: &str) -> String {
    let value = reply
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name}"));
    value.to_str().expect("text").to_owned()
}

#[tokio::test]
async fn discovery_names_the_endpoints() {
    let sim = start(|_| {}).await;
    let found = sim
        .get("/oidc/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(found["issuer"], sim.simulator.issuer());
    assert_eq!(
        found["userinfo_endpoint"],
        format!("{}/userinfo", sim.simulator.issuer())
    );
    assert!(sim.get("/oidc/jwks").await.json()["keys"][0]["kid"].is_string());
}

#[tokio::test]
async fn userinfo_knows_jwts_and_opaque_tokens() {
    for opaque in [0.0, 1.0] {
        let sim = start(|options| options.population.opaque = opaque).await;
        let reply = userinfo(&sim, &sim.simulator.access_token(5, 60)).await;
        assert_eq!(reply.status(), 200);
        let claims: Value = reply.json().await.expect("JSON");
        assert_eq!(claims["email"], sim.person(5).email);
        assert_eq!(claims["sub"], sim.person(5).subject);
    }
}

#[tokio::test]
async fn userinfo_refuses_what_is_unknown_expired_or_revoked() {
    let sim = start(|_| {}).await;
    sim.simulator.set_legacy_session_revoked(1, true);
    for token in [
        "unknown".to_owned(),
        sim.simulator.access_token(0, -1),
        sim.simulator.access_token(1, 60),
        format!("{}x", sim.simulator.access_token(2, 60)),
    ] {
        let reply = userinfo(&sim, &token).await;
        assert_eq!(reply.status(), 401);
        assert!(header(&reply, "www-authenticate").contains("invalid_token"));
    }
    let without = sim
        .http
        .get(format!("{}/userinfo", sim.simulator.issuer()))
        .send()
        .await;
    assert_eq!(without.expect("a reply").status(), 401);
}

#[tokio::test]
async fn a_token_expires_by_the_simulators_clock() {
    let sim = start(|_| {}).await;
    let token = sim.simulator.access_token(0, 3600);
    assert_eq!(userinfo(&sim, &token).await.status(), 200);
    sim.simulator.advance(Duration::from_hours(1));
    assert_eq!(userinfo(&sim, &token).await.status(), 401);
}

#[tokio::test]
async fn with_a_time_scale_hours_pass_in_seconds() {
    let sim = start(|options| options.time_scale = 36_000.0).await;
    let token = sim.simulator.access_token(0, 3600);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while userinfo(&sim, &token).await.status() == 200 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "an hour takes a tenth of a second"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_person_may_call_ten_times_and_then_five_times_a_minute() {
    let sim = start(|options| options.faults.userinfo_person_limit = true).await;
    let token = sim.simulator.access_token(0, 3600);
    for remaining in (0..10).rev() {
        let reply = userinfo(&sim, &token).await;
        assert_eq!(
            header(&reply, "x-ratelimit-remaining"),
            remaining.to_string()
        );
        assert_eq!(header(&reply, "x-ratelimit-limit"), "10");
    }
    let refused = userinfo(&sim, &token).await;
    assert_eq!(refused.status(), 429);
    let reset: i64 = header(&refused, "x-ratelimit-reset")
        .parse()
        .expect("seconds");
    assert!(
        (1..=13).contains(&(reset - sim.simulator.now().as_second())),
        "{reset}"
    );
    let bob = sim.simulator.access_token(1, 3600);
    assert_eq!(
        userinfo(&sim, &bob).await.status(),
        200,
        "others are not held back"
    );
    sim.simulator.advance(Duration::from_mins(1));
    let mut passed = 0;
    while userinfo(&sim, &token).await.status() == 200 {
        passed += 1;
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn the_tenant_has_a_limit_of_its_own() {
    let sim = start(|options| options.faults.userinfo_per_second = Some(0)).await;
    let reply = userinfo(&sim, &sim.simulator.access_token(0, 3600)).await;
    assert_eq!(reply.status(), 429);
    assert_eq!(header(&reply, "x-ratelimit-remaining"), "0");
}

#[tokio::test]
async fn whoever_logged_out_is_refused() {
    let sim = start(|_| {}).await;
    let change = PersonChange {
        logged_out: Some(true),
        ..PersonChange::default()
    };
    assert!(sim.simulator.change_person(&sim.person(0).subject, change));
    assert_eq!(
        userinfo(&sim, &sim.simulator.access_token(0, 60))
            .await
            .status(),
        401
    );
    assert_eq!(
        userinfo(&sim, &sim.simulator.access_token(1, 60))
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn a_wrong_identity_is_somebody_else_of_the_same_organization() {
    let sim = start(|_| {}).await;
    let alice = sim.person(0);
    let faults = Faults {
        wrong_identity_subjects: vec![alice.subject.clone()],
        ..Faults::default()
    };
    sim.simulator.set_faults(faults);
    let reply = sim.migrate(0).await.json();
    assert_eq!(
        reply["organization"]["organization_id"],
        sim.organization_id(0)
    );
    assert_ne!(reply["member"]["email_address"], alice.email);
    assert_ne!(reply["member"]["external_id"], alice.subject);
}

#[tokio::test]
async fn the_address_that_userinfo_gives_can_be_changed() {
    let sim = start(|_| {}).await;
    let userinfo_email = Some("elsewhere@example.com".to_owned());
    let change = PersonChange {
        userinfo_email,
        ..PersonChange::default()
    };
    sim.simulator.change_person(&sim.person(0).subject, change);
    let refused = sim.migrate(0).await;
    assert_eq!(
        refused.error_type(),
        "migrate_from_external_email_does_not_exist"
    );
}

async fn refresh(sim: &Sim, token: &str) -> (u16, Value) {
    let url = format!("{}/oauth/token", sim.simulator.issuer());
    let form = format!("grant_type=refresh_token&client_id=x&refresh_token={token}");
    let request = sim
        .http
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let reply = request.send().await.expect("a reply");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_refresh_token_is_rotated_and_its_reuse_ends_the_family() {
    let sim = start(|_| {}).await;
    let first = sim.simulator.population().refresh_token(0, 0);
    let (status, tokens) = refresh(&sim, &first).await;
    assert_eq!(status, 200);
    let access_token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(userinfo(&sim, access_token).await.status(), 200);
    let second = tokens["refresh_token"].as_str().expect("a token");
    assert_ne!(first, second);
    let (status, refused) = refresh(&sim, &first).await;
    assert_eq!((status, &refused["error"]), (403, &json!("invalid_grant")));
    assert_eq!(refresh(&sim, second).await.0, 403);
}

#[tokio::test]
async fn without_rotation_the_refresh_token_stays() {
    let sim = start(|options: &mut Options| options.refresh = Refresh::Reusable).await;
    let token = sim.simulator.population().refresh_token(0, 0);
    for _ in 0..3 {
        let (status, tokens) = refresh(&sim, &token).await;
        assert_eq!((status, &tokens["refresh_token"]), (200, &json!(token)));
    }
    assert_eq!(refresh(&sim, "v1.unknown").await.0, 403);
}

#[tokio::test]
async fn the_token_endpoint_takes_json_too() {
    let sim = start(|_| {}).await;
    let refresh_token = sim.simulator.population().refresh_token(0, 0);
    let body = json!({ "grant_type": "refresh_token", "refresh_token": refresh_token });
    assert_eq!(sim.post("/oidc/oauth/token", body).await.status, 200);
    let other = json!({ "grant_type": "password" });
    assert_eq!(sim.post("/oidc/oauth/token", other).await.status, 403);
}
