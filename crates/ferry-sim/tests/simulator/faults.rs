//! What goes wrong on demand.

use std::time::{Duration, Instant};

use ferry_sim::{Faults, Options, RetryAfter};
use reqwest::Method;
use serde_json::json;

use crate::client::{Sim, start};

async fn with(faults: Faults) -> Sim {
    start(|options: &mut Options| options.faults = faults).await
}

fn none() -> Faults {
    Faults::default()
}

/// Sends a migrate call whose reply may never come; whether one did.
async fn is_answered(sim: &Sim) -> bool {
    let body = sim.migration(0);
    sim.try_call(Method::POST, "/v1/b2b/sessions/migrate", Some(&body))
        .await
        .is_ok()
}

#[tokio::test]
async fn server_errors_come_before_anything_is_minted() {
    for (faults, status, error_type) in [
        (
            Faults {
                error_500: 1.0,
                ..none()
            },
            500,
            "internal_server_error",
        ),
        (
            Faults {
                error_503: 1.0,
                ..none()
            },
            503,
            "server_unavailable",
        ),
        (
            Faults {
                unheard_of: 1.0,
                ..none()
            },
            400,
            "tectonic_shift_detected",
        ),
        (
            Faults {
                userinfo_missing: true,
                ..none()
            },
            400,
            "migrate_from_external_missing_userinfo",
        ),
        (
            Faults {
                userinfo_outage: 1.0,
                ..none()
            },
            400,
            "migrate_from_external_unexpected_response",
        ),
    ] {
        let sim = with(faults).await;
        let reply = sim.migrate(0).await;
        assert_eq!(
            (reply.status, reply.error_type().as_str()),
            (status, error_type)
        );
        assert_eq!(sim.simulator.audit().sessions.minted, 0);
    }
}

#[tokio::test]
async fn a_bad_gateway_is_a_page_of_html() {
    let sim = with(Faults {
        error_502: 1.0,
        ..none()
    })
    .await;
    let reply = sim.migrate(0).await;
    assert_eq!(
        (reply.status, reply.headers["content-type"].as_bytes()),
        (502, &b"text/html"[..])
    );
    assert!(reply.text.contains("Bad Gateway"));
}

#[tokio::test]
async fn a_429_has_the_kind_and_the_retry_after_that_is_set() {
    for (retry_after, expected) in [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds(7), Some("7")),
        (RetryAfter::Garbage, Some("in a while, crocodile")),
        (RetryAfter::Huge, Some("86400")),
    ] {
        let error_429_type = "too_few_tokens_authenticated".to_owned();
        let sim = with(Faults {
            error_429: 1.0,
            error_429_type,
            retry_after,
            ..none()
        })
        .await;
        let reply = sim.migrate(0).await;
        assert_eq!(
            (reply.status, reply.error_type().as_str()),
            (429, "too_few_tokens_authenticated")
        );
        let header = reply
            .headers
            .get("retry-after")
            .map(|value| value.to_str().expect("text"));
        assert_eq!(header, expected);
    }
    let sim = with(Faults {
        error_429: 1.0,
        retry_after: RetryAfter::HttpDate(60),
        ..none()
    })
    .await;
    let header = sim.migrate(0).await.headers["retry-after"].clone();
    assert!(header.to_str().expect("text").ends_with(" GMT"));
}

#[tokio::test]
async fn a_fixed_window_lets_no_more_than_its_limit_through() {
    let sim = with(Faults {
        migrate_per_second: Some(5),
        ..none()
    })
    .await;
    let started = Instant::now();
    let mut passed = 0;
    for _ in 0..30 {
        passed += u32::from(sim.migrate(0).await.status == 200);
    }
    let windows = u32::try_from(started.elapsed().as_secs()).expect("a short test") + 2;
    assert!(
        (5..=5 * windows).contains(&passed),
        "{passed} in {windows} windows"
    );
    let audit = sim.simulator.audit();
    assert_eq!(
        audit.calls_of("migrate", "too_many_requests"),
        u64::from(30 - passed)
    );
}

#[tokio::test]
async fn a_cut_before_minting_leaves_nothing_and_one_after_it_leaves_a_session() {
    for (faults, outcome, minted) in [
        (
            Faults {
                cut_before_minting: 1.0,
                ..none()
            },
            "cut_before_minting",
            0,
        ),
        (
            Faults {
                cut_after_minting: 1.0,
                ..none()
            },
            "cut_after_minting",
            1,
        ),
        (
            Faults {
                cut_in_reply: 1.0,
                ..none()
            },
            "cut_in_reply",
            1,
        ),
    ] {
        let sim = with(faults).await;
        assert!(!is_answered(&sim).await, "{outcome}");
        let audit = sim.simulator.audit();
        assert_eq!(audit.calls_of("migrate", outcome), 1);
        assert_eq!(audit.sessions.minted, minted, "{outcome}");
        sim.simulator.set_faults(none());
        assert!(is_answered(&sim).await, "the next connection is served");
    }
}

#[tokio::test]
async fn a_reply_cut_in_its_middle_begins_with_200() {
    let sim = with(Faults {
        cut_in_reply: 1.0,
        ..none()
    })
    .await;
    let credentials = sim.simulator.credentials();
    let response = sim
        .http
        .post(format!(
            "{}/v1/b2b/sessions/migrate",
            sim.simulator.base_url()
        ))
        .basic_auth(&credentials.project_id, Some(&credentials.secret))
        .json(&sim.migration(0))
        .send()
        .await
        .expect("the head arrives");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_slow_minting_happens_even_if_nobody_waits_for_it() {
    let sim = with(Faults {
        slow_minting: 1.0,
        slow_minting_ms: 300,
        ..none()
    })
    .await;
    let body = sim.migration(0);
    let call = sim.try_call(Method::POST, "/v1/b2b/sessions/migrate", Some(&body));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), call)
            .await
            .is_err()
    );
    assert_eq!(sim.simulator.audit().sessions.minted, 0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while sim.simulator.audit().sessions.minted == 0 {
        assert!(Instant::now() < deadline, "it is minted late");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(sim.simulator.audit().calls_of("migrate", "client_gone"), 1);
}

#[tokio::test]
async fn spoiled_replies_leave_a_session() {
    for (faults, status) in [
        (
            Faults {
                bad_json: 1.0,
                ..none()
            },
            200,
        ),
        (
            Faults {
                html_ok: 1.0,
                ..none()
            },
            200,
        ),
        (
            Faults {
                error_after_minting: 1.0,
                ..none()
            },
            500,
        ),
    ] {
        let sim = with(faults).await;
        let reply = sim.migrate(0).await;
        assert_eq!(reply.status, status);
        assert!(
            !reply.text.contains("\"session_token\":\"")
                || serde_json::from_str::<serde_json::Value>(&reply.text).is_err()
        );
        assert_eq!(sim.simulator.audit().sessions.alive, 1);
    }
}

#[tokio::test]
async fn a_reply_may_lack_its_token_or_be_huge() {
    let sim = with(Faults {
        no_session_token: 1.0,
        ..none()
    })
    .await;
    let reply = sim.migrate(0).await.json();
    assert!(reply.get("session_token").is_none() && reply["member_id"].is_string());
    sim.simulator.set_faults(Faults {
        huge_body: 1.0,
        ..none()
    });
    let reply = sim.migrate(0).await;
    assert!(reply.text.len() > 10 * 1024 * 1024);
    assert_eq!(sim.simulator.audit().sessions.minted, 2);
}

#[tokio::test]
async fn credentials_can_become_wrong() {
    let sim = with(none()).await;
    assert_eq!(sim.migrate(0).await.status, 200);
    sim.simulator.set_faults(Faults {
        wrong_credentials: true,
        ..none()
    });
    assert_eq!(
        sim.migrate(0).await.error_type(),
        "unauthorized_credentials"
    );
    assert_eq!(sim.get("/v1/debug/whoami").await.status, 401);
}

#[tokio::test]
async fn a_suspended_organization_is_refused_and_the_other_is_not() {
    let sim = start(|_| {}).await;
    let suspended = sim.organization_id(0);
    let other = (1..20).find(|session| sim.organization_id(*session) != suspended);
    let other = other.expect("there are two organizations");
    sim.simulator.set_faults(Faults {
        suspended_organizations: vec![suspended],
        ..none()
    });
    let reply = sim.migrate(0).await;
    assert_eq!(
        (reply.status, reply.error_type().as_str()),
        (403, "organization_suspended")
    );
    assert_eq!(sim.migrate(other).await.status, 200);
}

#[tokio::test]
async fn a_new_session_is_listed_late_when_the_list_lags() {
    let sim = with(Faults {
        list_lag_ms: 300,
        ..none()
    })
    .await;
    sim.migrate(0).await;
    assert!(sim.listed(0).await.is_empty());
    let deadline = Instant::now() + Duration::from_secs(10);
    while sim.listed(0).await.is_empty() {
        assert!(Instant::now() < deadline, "it is listed in the end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn lists_revocations_and_look_ups_can_fail_alone() {
    let sim = with(none()).await;
    let minted = sim.migrate(0).await.json();
    sim.simulator.set_faults(Faults {
        list_failures: 1.0,
        revoke_failures: 1.0,
        member_failures: 1.0,
        authenticate_failures: 1.0,
        ..none()
    });
    let organization = sim.organization_id(0);
    assert_eq!(
        sim.get(&format!(
            "/v1/b2b/sessions?organization_id={organization}&member_id=x"
        ))
        .await
        .status,
        500
    );
    let id = json!({ "member_session_id": minted["member_session"]["member_session_id"] });
    assert_eq!(sim.post("/v1/b2b/sessions/revoke", id).await.status, 500);
    let token = json!({ "session_token": minted["session_token"] });
    assert_eq!(
        sim.post("/v1/b2b/sessions/authenticate", token)
            .await
            .status,
        500
    );
    assert_eq!(
        sim.get(&format!(
            "/v1/b2b/organizations/{organization}/member?member_id=x"
        ))
        .await
        .status,
        500
    );
    assert_eq!(sim.migrate(1).await.status, 200);
    assert_eq!(sim.simulator.audit().sessions.revoked, 0);
}

#[tokio::test]
async fn latency_is_at_least_what_is_set() {
    let sim = with(Faults {
        latency_ms: 50,
        latency_jitter_ms: 20,
        ..none()
    })
    .await;
    let started = Instant::now();
    sim.get("/v1/debug/whoami").await;
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    let faults = || Faults {
        seed: 42,
        error_500: 0.3,
        error_429: 0.2,
        ..none()
    };
    let mut runs = Vec::new();
    for _ in 0..2 {
        let sim = with(faults()).await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(sim.migrate(0).await.status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    for status in [200, 429, 500] {
        assert!(runs[0].contains(&status), "{status} in {:?}", runs[0]);
    }
}
