//! What each kind of reply says of the token.

use std::time::Duration;

use ferry_oidc::Verdict;

use crate::server::{Server, TOKEN, reply};

async fn verdict(status: u16, headers: &str, body: &str) -> Verdict {
    Server::answering(reply(status, headers, body))
        .await
        .ask()
        .await
}

#[tokio::test]
async fn the_token_goes_to_the_endpoint_of_the_configuration_as_a_bearer() {
    let server = Server::answering(reply(200, "", "{}")).await;
    server.ask().await;
    let seen = server.seen.lock().unwrap();
    assert!(seen[0].starts_with("GET /.well-known/openid-configuration HTTP/1.1\r\n"));
    assert!(!seen[0].to_lowercase().contains("authorization"));
    assert!(seen[1].starts_with("GET /userinfo HTTP/1.1\r\n"));
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    assert!(seen[1].contains(&bearer), "{}", seen[1]);
}

#[tokio::test]
async fn the_configuration_is_asked_for_once() {
    let server = Server::answering(reply(200, "", r#"{"email":"a@b.example"}"#)).await;
    let probe = server.probe();
    for _ in 0..3 {
        let verdict = probe.ask(&TOKEN.to_owned().into()).await;
        assert_eq!(verdict, Verdict::Email);
    }
    assert_eq!(server.seen.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn only_a_refusal_of_the_token_refuses_it() {
    let bearer = "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n";
    let basic = "WWW-Authenticate: Basic realm=\"proxy\"\r\n";
    for (status, headers, expected) in [
        (401, "", Verdict::Refused(401)),
        (401, bearer, Verdict::Refused(401)),
        (403, bearer, Verdict::Refused(403)),
        // Somebody in between, who does not even know the token.
        (401, basic, Verdict::Unusable),
        (403, "", Verdict::Unusable),
        (403, basic, Verdict::Unusable),
        (
            302,
            "Location: https://elsewhere.example/\r\n",
            Verdict::Unusable,
        ),
        (204, "", Verdict::Unusable),
        (400, "", Verdict::Unusable),
        (404, "", Verdict::Unusable),
        (405, "", Verdict::Unusable),
    ] {
        assert_eq!(
            verdict(status, headers, "").await,
            expected,
            "{status} {headers}"
        );
    }
}

#[tokio::test]
async fn being_busy_is_told_with_its_wait() {
    for (headers, seconds) in [
        ("", None),
        ("Retry-After: 7\r\n", Some(7)),
        (
            "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\nX-RateLimit-Reset: 1795348812\r\n",
            Some(12),
        ),
    ] {
        let retry_after = seconds.map(Duration::from_secs);
        let busy = Verdict::Busy { retry_after };
        assert_eq!(verdict(429, headers, "{}").await, busy, "{headers}");
    }
}

#[tokio::test]
async fn an_outage_has_many_faces() {
    for status in [408, 500, 502, 503, 504, 520] {
        assert_eq!(verdict(status, "", "").await, Verdict::Down, "{status}");
    }
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec();
    assert_eq!(Server::answering(cut).await.ask().await, Verdict::Down);
    let nothing = Server::answering(Vec::new()).await;
    assert_eq!(nothing.ask().await, Verdict::Down);
    assert_eq!(Server::silent().await.ask().await, Verdict::Down);
}

#[tokio::test]
async fn what_is_not_userinfo_says_nothing() {
    for body in ["<html>Welcome</html>", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", ""] {
        assert_eq!(verdict(200, "", body).await, Verdict::Unusable, "{body}");
    }
    let huge = format!(r#"{{"email":"a@b.example","x":"{}"}}"#, "x".repeat(300_000));
    assert_eq!(verdict(200, "", &huge).await, Verdict::Unusable);
    let no_http = Server::answering(b"220 mail.example ESMTP\r\n".to_vec()).await;
    assert_eq!(no_http.ask().await, Verdict::Unusable);
}
