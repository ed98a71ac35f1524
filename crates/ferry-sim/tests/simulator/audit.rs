//! The audit itself is right.

use ferry_sim::{Faults, SessionState};
use serde_json::json;

use crate::client::start;

#[tokio::test]
async fn a_client_that_mints_twice_is_caught() {
    let sim = start(|_| {}).await;
    for session in [0, 1, 2, 1] {
        assert_eq!(sim.migrate(session).await.status, 200);
    }
    let audit = sim.simulator.audit();
    assert_eq!((audit.sessions.minted, audit.sessions.alive), (4, 4));
    assert_eq!(
        (
            audit.legacy_sessions,
            audit.minted_more_than_once,
            audit.extra_alive
        ),
        (3, 1, 1)
    );
}

#[tokio::test]
async fn a_twin_with_another_token_of_the_same_session_is_caught_too() {
    let sim = start(|_| {}).await;
    sim.migrate(0).await;
    let mut refreshed = sim.migration(0);
    refreshed["session_token"] = json!(sim.simulator.access_token(0, 7200));
    sim.post("/v1/b2b/sessions/migrate", refreshed).await;
    assert_eq!(sim.simulator.audit().extra_alive, 1);
}

#[tokio::test]
async fn a_revoked_twin_is_no_longer_extra() {
    let sim = start(|_| {}).await;
    let twin = sim.migrate(0).await.json();
    sim.migrate(0).await;
    let id = json!({ "member_session_id": twin["member_session"]["member_session_id"] });
    sim.post("/v1/b2b/sessions/revoke", id).await;
    let audit = sim.simulator.audit();
    assert_eq!((audit.minted_more_than_once, audit.extra_alive), (1, 0));
    assert_eq!((audit.sessions.alive, audit.sessions.revoked), (1, 1));
}

#[tokio::test]
async fn two_sessions_of_one_person_are_not_twins() {
    let sim = start(|options| options.population.devices = vec![2]).await;
    assert_eq!(sim.person(0), sim.person(1));
    sim.migrate(0).await;
    sim.migrate(1).await;
    assert_eq!(sim.simulator.audit().extra_alive, 0);
}

#[tokio::test]
async fn a_session_whose_reply_was_lost_is_in_the_audit() {
    let sim = start(|options| options.faults.cut_after_minting = 1.0).await;
    let mut body = sim.migration(0);
    body["session_custom_claims"] = json!({ "attempt": "first" });
    let lost = sim
        .try_call(
            reqwest::Method::POST,
            "/v1/b2b/sessions/migrate",
            Some(&body),
        )
        .await;
    assert!(lost.is_err());
    let sessions = sim.simulator.sessions();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].custom_claims["attempt"], "first");
    assert_eq!(sessions[0].state, SessionState::Alive);
    assert_eq!(
        sessions[0].external_id.as_ref(),
        Some(&sim.person(0).subject)
    );
    let legacy = sim.simulator.population().session(0).session_id;
    assert_eq!(sessions[0].legacy_session_id.as_ref(), Some(&legacy));
}

#[tokio::test]
async fn calls_are_counted_by_endpoint_and_outcome() {
    let sim = start(|_| {}).await;
    sim.migrate(0).await;
    sim.simulator.set_faults(Faults {
        error_502: 1.0,
        ..Faults::default()
    });
    sim.migrate(0).await;
    sim.get("/v1/nothing").await;
    sim.get("/v1/debug/whoami").await;
    let audit = sim.simulator.audit();
    for (endpoint, outcome) in [
        ("migrate", "ok"),
        ("migrate", "bad_gateway"),
        ("unknown", "route_not_found"),
        ("whoami", "ok"),
        ("userinfo", "ok"),
    ] {
        assert_eq!(audit.calls_of(endpoint, outcome), 1, "{endpoint} {outcome}");
    }
    assert!(audit.windows.busiest.migrate >= 1);
    let counted: u32 = audit
        .windows
        .recent
        .iter()
        .map(|window| window.migrate)
        .sum();
    assert_eq!(counted, 2);
}

#[tokio::test]
async fn the_pages_say_what_the_methods_say() {
    let sim = start(|_| {}).await;
    for session in 0..10 {
        sim.migrate(session).await;
    }
    let audit: ferry_sim::Audit =
        serde_json::from_str(&sim.get("/sim/audit").await.text).expect("an audit");
    assert_eq!(audit, sim.simulator.audit());
    let text = sim.get("/sim/sessions").await.text;
    let mut lines: Vec<ferry_sim::MintedSession> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a session"))
        .collect();
    let mut sessions = sim.simulator.sessions();
    lines.sort_by(|one, other| one.session_id.cmp(&other.session_id));
    sessions.sort_by(|one, other| one.session_id.cmp(&other.session_id));
    assert_eq!(lines, sessions);
    assert_eq!(lines.len(), 10);
}

#[tokio::test]
async fn no_page_holds_a_token() {
    let sim = start(|_| {}).await;
    let legacy = sim.migration(0)["session_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let minted = sim.migrate(0).await;
    let tokens = [
        legacy,
        minted.text_of("session_token"),
        minted.text_of("session_jwt"),
    ];
    let path = format!("/v1/b2b/sessions/{}", tokens[0]);
    sim.get(&path).await;
    for page in ["/sim/audit", "/sim/sessions", "/sim/calls", "/sim/faults"] {
        let text = sim.get(page).await.text;
        for token in &tokens {
            assert!(!text.contains(token.as_str()), "{page}");
        }
    }
    let shown = format!("{:?}", sim.simulator);
    assert!(!shown.contains("secret-test"));
}

#[tokio::test]
async fn the_call_log_shows_the_last_calls() {
    let sim = start(|_| {}).await;
    sim.get("/v1/debug/whoami").await;
    sim.migrate(0).await;
    let calls = sim.get("/sim/calls?last=1").await.json();
    assert_eq!(calls[0]["endpoint"], "migrate");
    assert_eq!(calls[0]["status"], 200);
    let all = sim.simulator.calls();
    assert_eq!(
        all.first().map(|call| call.path.as_str()),
        Some("/v1/debug/whoami")
    );
}
