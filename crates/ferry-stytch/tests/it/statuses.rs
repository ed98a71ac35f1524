//! Replies with an error status.

use std::time::Duration;

use ferry_core::failure::{Judgement, judge};
use ferry_core::outcome::{CallOutcome, ErrorType, Refusal};
use ferry_core::reason::PauseCause;
use serde_json::json;

use crate::server::{Server, error_reply, json_reply, reply};

async fn refusal(bytes: Vec<u8>) -> Refusal {
    let outcome = Server::answering(bytes).await.migrate().await;
    let CallOutcome::Refused(refusal) = outcome else {
        panic!("{outcome:?}");
    };
    refusal
}

#[tokio::test]
async fn an_envelope_gives_status_type_and_request_id() {
    for (status, error_type) in [
        (400, "invalid_session_duration"),
        (401, "unauthorized_credentials"),
        (404, "organization_not_found"),
        (429, "too_many_requests"),
        (500, "internal_server_error"),
    ] {
        let expected = Refusal {
            status,
            error_type: Some(ErrorType::sanitized(error_type)),
            request_id: Some("request-id-test-1".into()),
            retry_after: None,
        };
        assert_eq!(refusal(error_reply(status, error_type)).await, expected);
    }
}

#[tokio::test]
async fn an_oauth_style_error_gives_its_type() {
    let body = json!({"error": "invalid_client", "error_description": "canary"});
    let refusal = refusal(json_reply(401, &body)).await;
    assert_eq!(
        refusal.error_type,
        Some(ErrorType::sanitized("invalid_client"))
    );
}

#[tokio::test]
async fn a_proxys_html_page_gives_its_status() {
    let page = "<html><body>502 Bad Gateway</body></html>";
    let refusal = refusal(reply(502, &[("Content-Type", "text/html")], page)).await;
    assert_eq!(refusal.status, 502);
    assert_eq!(refusal.error_type, None);
    assert_eq!(judge(&refusal), Judgement::Transient);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_means_a_wrong_endpoint() {
    let elsewhere = Server::answering(reply(200, &[], "{}")).await;
    let location = format!("http://{}/", elsewhere.address);
    for status in [301, 302, 303, 307, 308] {
        let refusal = refusal(reply(status, &[("Location", &location)], "")).await;
        assert_eq!(refusal.status, status);
        assert_eq!(judge(&refusal), Judgement::SetUp(PauseCause::WrongEndpoint));
    }
    assert_eq!(elsewhere.connection_count(), 0);
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms() {
    const DATE: (&str, &str) = ("Date", "Sun, 22 Nov 2026 12:00:00 GMT");
    for (value, seconds) in [
        ("7", Some(7)),
        ("86400", Some(86_400)),
        ("Sun, 22 Nov 2026 12:00:30 GMT", Some(30)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", None),
        ("-7", None),
        ("soon", None),
    ] {
        let bytes = reply(429, &[DATE, ("Retry-After", value)], "{}");
        let expected = seconds.map(Duration::from_secs);
        assert_eq!(refusal(bytes).await.retry_after, expected, "{value}");
    }
}
