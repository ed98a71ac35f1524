//! The simulator's own pages.

use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn faults_are_switched_over_http() {
    let sim = start(|_| {}).await;
    let set = sim
        .put(
            "/sim/faults",
            json!({ "error_500": 1.0, "retry_after": { "seconds": 2 } }),
        )
        .await;
    assert_eq!(set.json()["error_500"], 1.0);
    assert_eq!(sim.migrate(0).await.status, 500);
    let off = sim.put("/sim/faults", json!({})).await;
    assert_eq!(off.json()["error_500"], 0.0);
    assert_eq!(sim.migrate(0).await.status, 200);
}

#[tokio::test]
async fn an_unknown_fault_is_refused_and_nothing_changes() {
    let sim = start(|options| options.faults.latency_ms = 1).await;
    let reply = sim.put("/sim/faults", json!({ "eror_500": 1.0 })).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("eror_500"));
    assert_eq!(sim.get("/sim/faults").await.json()["latency_ms"], 1);
}

#[tokio::test]
async fn people_are_changed_over_http() {
    let sim = start(|options| options.population.member_missing = 1.0).await;
    let path = format!("/sim/people/{}", sim.person(0).subject.replace('|', "%7C"));
    assert_eq!(sim.migrate(0).await.status, 404);
    assert_eq!(
        sim.put(&path, json!({ "member_exists": true }))
            .await
            .status,
        200
    );
    assert_eq!(sim.migrate(0).await.status, 200);
    sim.put(&path, json!({ "logged_out": true })).await;
    assert_eq!(
        sim.migrate(0).await.error_type(),
        "migrate_from_external_unexpected_response"
    );
    sim.put(
        &path,
        json!({ "logged_out": false, "member_status": "deleted" }),
    )
    .await;
    assert_eq!(
        sim.migrate(0).await.error_type(),
        "migrate_from_external_email_does_not_exist"
    );
    assert_eq!(sim.put("/sim/people/nobody", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_legacy_session_is_revoked_over_http() {
    let sim = start(|_| {}).await;
    let id = sim.simulator.population().session(0).session_id;
    sim.put(
        &format!("/sim/legacy-sessions/{id}"),
        json!({ "revoked": true }),
    )
    .await;
    assert_eq!(
        sim.migrate(0).await.error_type(),
        "migrate_from_external_unexpected_response"
    );
    assert_eq!(
        sim.put("/sim/legacy-sessions/x", json!({ "revoked": true }))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_clock_is_set_forward_over_http() {
    let sim = start(|_| {}).await;
    let before = sim.simulator.now();
    sim.put("/sim/clock", json!({ "advance_seconds": 3600 }))
        .await;
    assert!(sim.simulator.now().as_second() - before.as_second() >= 3600);
}
