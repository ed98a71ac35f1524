//! Successes whose body is not what it should be.

use std::time::{Duration, Instant};

use ferry_core::outcome::{CallOutcome, Refusal, Unanswered};
use ferry_stytch::Api;

use crate::server::{Act, Server, envelope, minted_body, minted_reply, reply};

const MEBIBYTE: usize = 1024 * 1024;

fn assert_unanswered(outcome: &CallOutcome, expected: Unanswered) {
    let CallOutcome::Unanswered(unanswered) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(*unanswered, expected);
}

fn head(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} Whatever\r\n{headers}\r\n\r\n")
}

#[tokio::test]
async fn a_whole_success_is_minted_with_200_and_with_201() {
    for status in [200, 201] {
        let server = Server::answering(reply(status, &[], &minted_body().to_string())).await;
        let outcome = server.migrate().await;
        let CallOutcome::Minted(minted) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(minted.member_session_id, "member-session-test-1");
    }
}

#[tokio::test]
async fn a_success_in_many_small_chunks_is_minted() {
    let mut bytes = head(200, "Transfer-Encoding: chunked").into_bytes();
    for piece in minted_body().to_string().as_bytes().chunks(7) {
        bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        bytes.extend(piece);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    let server = Server::answering(bytes).await;
    let outcome = server.migrate().await;
    assert!(matches!(outcome, CallOutcome::Minted(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_success_cut_within_its_body_is_unreadable() {
    let whole = minted_reply();
    let by_length = whole[..whole.len() - 20].to_vec();
    let by_chunk = format!("{}fff\r\n{{", head(200, "Transfer-Encoding: chunked")).into_bytes();
    for bytes in [by_length, by_chunk] {
        let server = Server::start(vec![Act::ReplyAndClose(bytes)]).await;
        assert_unanswered(&server.migrate().await, Unanswered::Unreadable);
    }
}

#[tokio::test]
async fn a_success_whose_body_does_not_come_in_time_is_timed_out() {
    let whole = minted_reply();
    let server = Server::start(vec![Act::ReplyAndHang(whole[..whole.len() - 20].to_vec())]).await;
    assert_unanswered(&server.migrate_impatiently().await, Unanswered::TimedOut);
}

#[tokio::test]
async fn a_body_announced_beyond_the_cap_is_not_waited_for() {
    let announced = head(200, &format!("Content-Length: {}", MEBIBYTE + 1));
    let server = Server::start(vec![Act::ReplyAndHang(announced.into_bytes())]).await;
    let begun = Instant::now();
    assert_unanswered(&server.migrate().await, Unanswered::Unreadable);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_body_without_an_end_is_dropped_at_the_cap() {
    let flood = Act::Flood(
        head(200, "Transfer-Encoding: chunked").into_bytes(),
        format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into_bytes(),
    );
    let server = Server::start(vec![flood]).await;
    assert_unanswered(&server.migrate().await, Unanswered::Unreadable);
}

#[tokio::test]
async fn an_error_beyond_the_cap_is_judged_by_its_status() {
    let announced = head(502, &format!("Content-Length: {}", 10 * MEBIBYTE));
    let server = Server::start(vec![Act::ReplyAndHang(announced.into_bytes())]).await;
    assert_refused_without_type(&server.migrate().await, 502);
}

#[tokio::test]
async fn a_success_that_is_not_the_apis_is_unreadable() {
    for body in [
        "<html>Welcome</html>",
        "",
        "null",
        "[]",
        "{}",
        "{\"status_code\":200}",
    ] {
        let server = Server::answering(reply(200, &[], body)).await;
        assert_unanswered(&server.migrate().await, Unanswered::Unreadable);
    }
}

#[tokio::test]
async fn another_2xx_is_unreadable_whatever_its_body() {
    for status in [202, 203, 206] {
        let server = Server::answering(reply(status, &[], &minted_body().to_string())).await;
        assert_unanswered(&server.migrate().await, Unanswered::Unreadable);
    }
    let no_content = head(204, "X-Nothing: here");
    let server = Server::answering(no_content).await;
    assert_unanswered(&server.migrate().await, Unanswered::Unreadable);
}

#[tokio::test]
async fn an_error_cut_within_its_body_is_judged_by_its_status_only_if_that_tells_enough() {
    let cut = |status: u16| {
        let body = envelope(status, "whatever").to_string();
        let bytes = reply(status, &[("Retry-After", "9")], &body);
        bytes[..bytes.len() - 5].to_vec()
    };
    for status in [302, 408, 429, 499, 500, 503] {
        let server = Server::start(vec![Act::ReplyAndClose(cut(status))]).await;
        assert_refused_without_type(&server.migrate().await, status);
    }
    for status in [400, 401, 403, 404] {
        let server = Server::start(vec![Act::ReplyAndClose(cut(status))]).await;
        assert_unanswered(&server.migrate().await, Unanswered::Cut);
        let server = Server::start(vec![Act::ReplyAndHang(cut(status))]).await;
        assert_unanswered(&server.migrate_impatiently().await, Unanswered::TimedOut);
    }
}

#[tokio::test]
async fn a_list_may_be_longer_than_a_mebibyte() {
    let session = |n: usize| {
        serde_json::json!({
            "member_session_id": format!("member-session-test-{n}"),
            "expires_at": "2026-01-01T01:00:00Z",
            "custom_claims": {"filler": "x".repeat(1000)},
        })
    };
    let sessions: Vec<_> = (0..2000).map(session).collect();
    let body = serde_json::json!({"member_sessions": sessions}).to_string();
    let server = Server::answering(reply(200, &[], &body)).await;
    let listed = server
        .client(Api::B2b)
        .list_sessions("acme", "member-1")
        .await;
    assert_eq!(listed.unwrap().len(), 2000);
}

fn assert_refused_without_type(outcome: &CallOutcome, expected: u16) {
    let CallOutcome::Refused(Refusal {
        status, error_type, ..
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!((*status, error_type), (expected, &None));
}
