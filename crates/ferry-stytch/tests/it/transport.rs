//! Connections that fail, and what that says about the request.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferry_core::id::AttemptId;
use ferry_core::outcome::{CallOutcome, NotSent, Unanswered};
use ferry_stytch::{Api, Failure};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::server::{Act, Server, client_at, migrate, migrate_as, minted_reply, read_request};

fn is_unreachable(outcome: &CallOutcome) -> bool {
    matches!(outcome, CallOutcome::NotSent(NotSent::Unreachable))
}

fn is_unanswered(outcome: &CallOutcome, why: Unanswered) -> bool {
    matches!(outcome, CallOutcome::Unanswered(unanswered) if *unanswered == why)
}

/// An address at which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let client = client_at(&format!("http://{}", nobody().await), Api::B2b);
    let outcome = migrate(&client).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
    let failure = client.whoami().await.unwrap_err();
    assert!(
        failure.to_string().contains("Connection refused"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_name_without_an_address_sent_nothing() {
    // RFC 6761: `.invalid` never resolves.
    let client = client_at("https://ferry.invalid", Api::B2b);
    let outcome = migrate(&client).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_tls_handshake_without_an_answer_sent_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_at(
        &format!("https://{}", listener.local_addr().unwrap()),
        Api::B2b,
    );
    let outcome = migrate(&client).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_was_sent_nothing() {
    let server = Server::answering(minted_reply()).await;
    let client = client_at(&format!("https://{}", server.address), Api::B2b);
    let outcome = migrate(&client).await;
    assert!(is_unreachable(&outcome), "{outcome:?}");
    assert_eq!(server.request_count(), 0);
}

#[tokio::test]
async fn silence_after_the_request_is_timed_out() {
    let server = Server::start(vec![Act::ReplyAndHang(Vec::new())]).await;
    let outcome = server.migrate_impatiently().await;
    assert!(is_unanswered(&outcome, Unanswered::TimedOut), "{outcome:?}");
    assert_eq!(server.request_count(), 1);
}

#[tokio::test]
async fn a_connection_that_ends_after_the_request_is_cut() {
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let server = Server::start(vec![Act::ReplyAndClose(begun.into())]).await;
        let outcome = server.migrate().await;
        assert!(is_unanswered(&outcome, Unanswered::Cut), "{outcome:?}");
        assert_eq!(server.request_count(), 1, "nothing is sent twice");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_unreadable() {
    let server = Server::answering("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    let outcome = server.migrate().await;
    assert!(
        is_unanswered(&outcome, Unanswered::Unreadable),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_pooled_connection_seen_to_be_closed_is_not_used() {
    let server = Server::start(vec![Act::ReplyAndClose(minted_reply())]).await;
    let client = server.client(Api::B2b);
    for _ in 0..3 {
        let outcome = migrate(&client).await;
        assert!(matches!(outcome, CallOutcome::Minted(_)), "{outcome:?}");
        // The client's connection task sees the FIN.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((server.request_count(), server.connection_count()), (3, 3));
}

#[tokio::test]
async fn a_pooled_connection_that_takes_the_request_and_ends_is_cut_and_not_tried_again() {
    let acts = vec![Act::Reply(minted_reply()), Act::ReplyAndClose(Vec::new())];
    let server = Server::start(acts).await;
    let client = server.client(Api::B2b);
    assert!(matches!(migrate(&client).await, CallOutcome::Minted(_)));
    let outcome = migrate(&client).await;
    assert!(is_unanswered(&outcome, Unanswered::Cut), "{outcome:?}");
    assert_eq!((server.request_count(), server.connection_count()), (2, 1));
}

/// The race itself: the server closes after each reply without announcing it, a moment sooner or
/// later, while the next request is on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_counts_as_not_sent_never_reached_the_server() {
    const CALLS: u8 = 250;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_at(
        &format!("http://{}", listener.local_addr().unwrap()),
        Api::B2b,
    );
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    tokio::spawn(close_after_each_reply(listener, seen.clone()));

    let mut unsent = HashSet::new();
    let mut minted = 0;
    for n in 0..CALLS {
        let attempt = AttemptId([n; 16]);
        match migrate_as(&client, attempt).await {
            CallOutcome::Minted(_) => minted += 1,
            CallOutcome::NotSent(_) => {
                unsent.insert(attempt.to_string());
            }
            CallOutcome::Unanswered(Unanswered::Cut) => {}
            other => panic!("{other:?}"),
        }
    }
    let seen = seen.lock().unwrap();
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "no request came twice");
    assert!(seen.iter().all(|attempt| !unsent.contains(attempt)));
    assert!(minted > 0);
}

async fn close_after_each_reply(listener: TcpListener, seen: Arc<Mutex<Vec<String>>>) {
    let mut rng = StdRng::seed_from_u64(1);
    while let Ok((mut stream, _)) = listener.accept().await {
        let pause = Duration::from_micros(rng.random_range(0..400));
        let seen = seen.clone();
        tokio::spawn(async move {
            let Some(request) = read_request(&mut stream).await else {
                return;
            };
            seen.lock().unwrap().push(attempt_of(&request.json()));
            stream.write_all(&minted_reply()).await.unwrap();
            tokio::time::sleep(pause).await;
            stream.shutdown().await.unwrap();
            // What still comes in was sent, and is read as a server might have.
            if let Some(request) = read_request(&mut stream).await {
                seen.lock().unwrap().push(attempt_of(&request.json()));
            }
        });
    }
}

fn attempt_of(body: &serde_json::Value) -> String {
    let claim = &body["session_custom_claims"]["ferry_attempt"];
    claim.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_connection_closed_as_soon_as_accepted_is_no_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client_at(
        &format!("http://{}", listener.local_addr().unwrap()),
        Api::B2b,
    );
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    // Mostly hyper sees the end before it writes, and gives the request back: nothing was sent.
    let mut unsent = 0;
    for _ in 0..50 {
        let outcome = migrate(&client).await;
        assert!(
            is_unreachable(&outcome) || is_unanswered(&outcome, Unanswered::Cut),
            "{outcome:?}"
        );
        unsent += u32::from(is_unreachable(&outcome));
    }
    assert!(unsent > 0);
}

#[tokio::test]
async fn two_hundred_calls_at_once_share_two_hundred_connections() {
    let server = Server::answering(minted_reply()).await;
    let client = server.client(Api::B2b);
    for _ in 0..3 {
        let calls: Vec<_> = (0..200)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { migrate(&client).await })
            })
            .collect();
        for call in calls {
            let outcome = call.await.unwrap();
            assert!(matches!(outcome, CallOutcome::Minted(_)), "{outcome:?}");
        }
    }
    assert_eq!(server.request_count(), 600);
    assert!(
        server.connection_count() <= 200,
        "{}",
        server.connection_count()
    );
}

#[tokio::test]
async fn the_cause_of_a_missing_connection_holds_no_url() {
    let client = client_at(&format!("http://{}", nobody().await), Api::B2b);
    let failure = client.find_member("acme", "canary@example.com").await;
    let failure = failure.unwrap_err();
    assert!(matches!(failure, Failure::NotSent { .. }));
    assert!(!format!("{failure} {failure:?}").contains("canary"));
}
