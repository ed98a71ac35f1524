//! The Consumer API.

use ferry_sim::{Api, Population};
use serde_json::{Value, json};

use crate::client::{Sim, start};
use crate::schema::{CONSUMER, check};

async fn migrate(sim: &Sim, session: u64, minutes: Value) -> Value {
    let body = json!({
        "session_token": sim.simulator.access_token(session, 3600),
        "session_duration_minutes": minutes,
    });
    let reply = sim.post("/v1/sessions/migrate", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

#[tokio::test]
async fn a_session_is_migrated_listed_authenticated_and_revoked() {
    let sim = start(|_| {}).await;
    let minted = migrate(&sim, 2, json!(60)).await;
    check(CONSUMER, "api_session_v1_MigrateResponse", &minted);
    let user = minted["user_id"].as_str().expect("an id");
    let listed = sim
        .get(&format!("/v1/sessions?user_id={user}"))
        .await
        .json();
    check(CONSUMER, "api_session_v1_GetResponse", &listed);
    assert_eq!(
        listed["sessions"][0]["session_id"],
        minted["session"]["session_id"]
    );
    let token = json!({ "session_token": minted["session_token"] });
    let known = sim
        .post("/v1/sessions/authenticate", token.clone())
        .await
        .json();
    check(CONSUMER, "api_session_v1_AuthenticateResponse", &known);
    let id = json!({ "session_id": minted["session"]["session_id"] });
    let revoked = sim.post("/v1/sessions/revoke", id).await.json();
    check(CONSUMER, "api_session_v1_RevokeResponse", &revoked);
    let gone = sim.post("/v1/sessions/authenticate", token).await;
    assert_eq!(
        (gone.status, gone.error_type().as_str()),
        (404, "session_not_found")
    );
}

#[tokio::test]
async fn without_a_duration_no_session_is_minted() {
    let sim = start(|_| {}).await;
    let reply = migrate(&sim, 2, Value::Null).await;
    check(CONSUMER, "api_session_v1_MigrateResponse", &reply);
    assert_eq!(
        (&reply["session_token"], &reply["session"]),
        (&json!(""), &Value::Null)
    );
    assert_eq!(sim.simulator.audit().sessions.minted, 0);
}

#[tokio::test]
async fn a_consumer_token_is_no_b2b_token() {
    let sim = start(|_| {}).await;
    let minted = migrate(&sim, 2, json!(60)).await;
    assert_eq!(sim.simulator.sessions()[0].api, Api::Consumer);
    let token = json!({ "session_token": minted["session_token"] });
    let reply = sim.post("/v1/b2b/sessions/authenticate", token).await;
    assert_eq!(reply.error_type(), "session_not_found");
}

#[tokio::test]
async fn a_user_is_created_found_and_refused_a_second_time() {
    let sim = start(|_| {}).await;
    let body = json!({
        "email": "alice@example.com", "name": { "first_name": "Alice", "last_name": null },
        "phone_number": null, "external_id": "alice-1",
    });
    let created = sim.post("/v1/users", body.clone()).await.json();
    check(CONSUMER, "api_user_v1_CreateResponse", &created);
    for reference in [created["user_id"].as_str().expect("an id"), "alice-1"] {
        let found = sim.get(&format!("/v1/users/{reference}")).await.json();
        assert_eq!(found["emails"][0]["email"], "alice@example.com");
    }
    assert_eq!(
        sim.post("/v1/users", body).await.error_type(),
        "duplicate_email"
    );
    let same_id = json!({ "email": "bob@example.com", "external_id": "alice-1" });
    assert_eq!(
        sim.post("/v1/users", same_id).await.error_type(),
        "duplicate_user_external_id"
    );
    assert_eq!(
        sim.get("/v1/users/nobody").await.error_type(),
        "user_not_found"
    );
}

#[tokio::test]
async fn users_are_searched_in_pages() {
    let sim = start(|options| options.population = Population::new(120, 4)).await;
    let first = sim
        .post("/v1/users/search", json!({ "query": null }))
        .await
        .json();
    check(CONSUMER, "api_user_v1_SearchResponse", &first);
    assert_eq!(first["results"].as_array().map(Vec::len), Some(100));
    let cursor = &first["results_metadata"]["next_cursor"];
    let second = sim
        .post("/v1/users/search", json!({ "cursor": cursor }))
        .await
        .json();
    assert_eq!(second["results"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn the_key_set_is_the_same() {
    let sim = start(|_| {}).await;
    let project = &sim.simulator.credentials().project_id;
    let keys = sim
        .get(&format!("/v1/sessions/jwks/{project}"))
        .await
        .json();
    check(CONSUMER, "api_session_v1_GetJWKSResponse", &keys);
}
