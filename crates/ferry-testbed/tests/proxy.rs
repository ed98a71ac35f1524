//! The proxy, before an echo and before a PostgreSQL.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use ferry_testbed::proxy::{Direction, Proxy};
use ferry_testbed::{fresh_database, shared_postgres};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Something that does not come has this long to come. An answer takes a hundredth.
const A_WHILE: Duration = Duration::from_millis(300);

/// An echo, and a proxy before it.
async fn proxied() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::to(listener.local_addr().expect("its address")).expect("a proxy");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    proxy
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address())
        .await
        .expect("it accepts")
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("sent");
}

async fn hears(stream: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    stream.read_exact(&mut heard).await.expect("an answer");
    assert_eq!(heard, text.as_bytes());
}

async fn hears_nothing(stream: &mut TcpStream) {
    tokio::time::timeout(A_WHILE, stream.read_u8())
        .await
        .expect_err("neither a byte nor an end");
}

async fn is_reset(stream: &mut TcpStream) {
    let end = stream.read_u8().await.expect_err("no byte comes");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn everything_is_passed_at_first_and_an_end_is_an_end() {
    let proxy = proxied().await;
    let mut alice = connect(&proxy).await;
    let long = "alice".repeat(100_000);
    let (mut from, mut to) = alice.split();
    let mut heard = String::new();
    let sent = async {
        to.write_all(long.as_bytes()).await.expect("sent");
        to.shutdown().await.expect("ended");
    };
    let (read, ()) = tokio::join!(from.read_to_string(&mut heard), sent);
    read.expect("all of it and an end");
    assert_eq!(heard, long);
}

#[tokio::test]
async fn a_cut_resets_those_there_and_none_after() {
    let proxy = proxied().await;
    let mut alice = connect(&proxy).await;
    send(&mut alice, "hello").await;
    hears(&mut alice, "hello").await;
    proxy.cut();
    is_reset(&mut alice).await;

    let mut bob = connect(&proxy).await;
    send(&mut bob, "hello").await;
    hears(&mut bob, "hello").await;
}

#[tokio::test]
async fn swallowed_bytes_are_answered_by_nothing_not_even_later() {
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let proxy = proxied().await;
        let mut alice = connect(&proxy).await;
        proxy.swallow(direction);
        send(&mut alice, "lost").await;
        hears_nothing(&mut alice).await;

        proxy.pass().expect("it passes");
        send(&mut alice, "late").await;
        hears_nothing(&mut alice).await;
        let mut bob = connect(&proxy).await;
        send(&mut bob, "hello").await;
        hears(&mut bob, "hello").await;

        proxy.cut();
        is_reset(&mut alice).await;
    }
}

#[tokio::test]
async fn a_swallowed_end_is_not_heard_of_either() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::to(listener.local_addr().expect("its address")).expect("a proxy");
    let mut alice = connect(&proxy).await;
    let (mut server, _) = listener.accept().await.expect("it connects");
    send(&mut alice, "hello").await;
    hears(&mut server, "hello").await;
    proxy.swallow(Direction::Both);
    drop(alice);
    hears_nothing(&mut server).await;
    send(&mut server, "are you there?").await;
    hears_nothing(&mut server).await;
    proxy.cut();
    is_reset(&mut server).await;
}

#[tokio::test]
async fn what_is_delayed_comes_later() {
    let proxy = proxied().await;
    let mut alice = connect(&proxy).await;
    proxy.delay(Direction::Both, A_WHILE);
    let began = Instant::now();
    send(&mut alice, "hello").await;
    hears(&mut alice, "hello").await;
    assert!(began.elapsed() >= 2 * A_WHILE, "there and back");
}

#[tokio::test]
async fn new_ones_are_refused_until_they_pass_and_the_others_go_on() {
    let proxy = proxied().await;
    let mut alice = connect(&proxy).await;
    for _ in 0..3 {
        send(&mut alice, "hello").await;
        hears(&mut alice, "hello").await;
        proxy.refuse().expect("it refuses");
        let refused = TcpStream::connect(proxy.address())
            .await
            .expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        send(&mut alice, "hello").await;
        hears(&mut alice, "hello").await;

        proxy.pass().expect("it passes");
        let mut bob = connect(&proxy).await;
        send(&mut bob, "hello").await;
        hears(&mut bob, "hello").await;
    }
}

#[tokio::test]
async fn the_answer_to_one_request_is_lost_and_the_request_is_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::to(listener.local_addr().expect("its address")).expect("a proxy");
    let mut alice = connect(&proxy).await;
    let (mut server, _) = listener.accept().await.expect("it connects");
    // The same request before does not count.
    send(&mut alice, "COMMIT;").await;
    hears(&mut server, "COMMIT;").await;

    let lost = proxy.cut_after_request_containing(b"COMMIT");
    // In two pieces.
    send(&mut alice, "BEGIN;COM").await;
    hears(&mut server, "BEGIN;COM").await;
    send(&mut server, "begun").await;
    hears(&mut alice, "begun").await;
    send(&mut alice, "MIT;").await;
    hears(&mut server, "MIT;").await;
    send(&mut server, "done").await;

    lost.await.expect("it is lost");
    is_reset(&mut alice).await;
    is_reset(&mut server).await;
}

#[tokio::test]
async fn a_server_that_is_down_resets_its_clients() {
    let [port] = ferry_testbed::free_ports().expect("a free port");
    let proxy = Proxy::to(("127.0.0.1", port)).expect("a proxy");
    is_reset(&mut connect(&proxy).await).await;
}

#[test]
fn a_url_leads_through_the_proxy() {
    let server = "postgres://alice:secret@localhost:5432/ledger?application_name=ferry";
    let proxy = Proxy::before(server).expect("a proxy");
    let through = proxy.url(server).expect("a URL");
    let port = proxy.address().port();
    assert_eq!(
        through,
        format!("postgres://alice:secret@127.0.0.1:{port}/ledger?application_name=ferry")
    );
    Proxy::before("postgres://localhost/ledger").expect_err("it names no port");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_committed() {
    let postgres = shared_postgres()
        .await
        .unwrap_or_else(|none| panic!("{none}"));
    let database = fresh_database(&postgres.url).await.expect("a database");
    let proxy = Proxy::before(&database.url).expect("a proxy");
    let through = proxy.url(&database.url).expect("a URL");
    let mut client = PgConnection::connect(&through).await.expect("it answers");
    let mut transaction = client.begin().await.expect("a transaction");
    sqlx::raw_sql("CREATE TABLE kept (name text); INSERT INTO kept VALUES ('alice')")
        .execute(&mut *transaction)
        .await
        .expect("a row");

    let lost = proxy.cut_after_request_containing(b"COMMIT");
    transaction
        .commit()
        .await
        .expect_err("the answer does not come");
    lost.await.expect("it is lost");

    let mut other = PgConnection::connect(&through).await.expect("it answers");
    let kept: String = sqlx::query_scalar("SELECT name FROM kept")
        .fetch_one(&mut other)
        .await
        .expect("the row");
    assert_eq!(kept, "alice");
}
