//! The provider's configuration.

use ferry_oidc::{DiscoveryError, Verdict};
use serde_json::json;

use crate::server::{Server, TOKEN, probe, reply};

async fn refused(configuration: Vec<u8>) -> DiscoveryError {
    let server = Server::configured(configuration).await;
    let probe = server.probe();
    let error = probe.discover().await.expect_err("it was taken");
    // Asked nevertheless, it sends the token nowhere.
    probe.ask(&TOKEN.to_owned().into()).await;
    for head in server.seen.lock().unwrap().iter() {
        assert!(!head.contains(TOKEN), "{head}");
    }
    error
}

#[tokio::test]
async fn the_configuration_of_another_issuer_is_refused() {
    let other = json!({
        "issuer": "https://evil.example",
        "userinfo_endpoint": "https://evil.example/userinfo",
    });
    let error = refused(reply(200, "", &other.to_string())).await;
    assert!(matches!(error, DiscoveryError::OtherIssuer(_)), "{error}");
    assert!(!error.to_string().contains("evil"), "{error}");
}

#[tokio::test]
async fn a_userinfo_endpoint_is_needed_and_no_less_private_than_the_issuer() {
    for endpoint in [json!(null), json!("http://elsewhere.example/userinfo")] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let body = json!({"issuer": issuer, "userinfo_endpoint": endpoint}).to_string();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(&reply(200, "", &body)).await.unwrap();
        });
        let error = probe(&issuer).discover().await.expect_err("it was taken");
        assert!(matches!(error, DiscoveryError::NoUserInfo(_)), "{error}");
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_told_from_what_must_be_mended() {
    for (configuration, is_passing) in [
        (reply(503, "", ""), true),
        (reply(429, "", ""), true),
        (reply(404, "", ""), false),
        (
            reply(302, "Location: https://elsewhere.example/\r\n", ""),
            false,
        ),
        (reply(200, "", "<html>"), false),
        (reply(200, "", "{}"), false),
    ] {
        let error = refused(configuration).await;
        assert_eq!(error.is_passing(), is_passing, "{error}");
    }
    let nobody = probe("http://127.0.0.1:9").discover().await;
    assert!(nobody.expect_err("nobody listens there").is_passing());
}

#[tokio::test]
async fn an_outage_of_the_configuration_is_an_outage_of_the_provider() {
    for (status, verdict) in [
        (503, Verdict::Down),
        (429, Verdict::Busy { retry_after: None }),
        (404, Verdict::Unusable),
    ] {
        let server = Server::configured(reply(status, "", "")).await;
        assert_eq!(server.ask().await, verdict, "{status}");
    }
}
