use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::*;
use crate::exit::shown;

const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn served(checks: Checks) -> (SocketAddr, CancellationToken) {
    let stop = CancellationToken::new();
    let address = serve(ANYWHERE, checks, String::new, stop.clone())
        .await
        .expect("an address");
    (address, stop)
}

/// Status and body.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: ferry\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}

fn unready(word: &'static str) -> Unready {
    Unready {
        word,
        why: "postgres://ferry:hunter2@db.example".to_owned(),
    }
}

#[tokio::test]
async fn ready_is_who_has_a_ledger_and_a_queue() {
    let checks = Checks::default()
        .ledger(async || Ok(()))
        .queue(Queue::embedded(1));
    let (address, _stop) = served(checks).await;
    let ready = get(address, "/readyz").await;
    assert_eq!(ready, (200, r#"{"ledger":"ok","queue":"ok"}"#.to_owned()));
    let alive = get(address, "/healthz").await;
    assert_eq!(alive, (200, r#"{"process":"ok"}"#.to_owned()));
    assert_eq!(get(address, "/").await.0, 404);
}

#[tokio::test]
async fn one_part_that_is_not_ready_is_told_by_its_word_alone() {
    let checks = Checks::default()
        .ledger(async || Err("postgres://ferry:hunter2@db.example".to_owned()))
        .part("queue", async || Err(unready("blocked")));
    let (address, _stop) = served(checks).await;
    let told = get(address, "/readyz").await;
    assert_eq!(
        told,
        (503, r#"{"ledger":"away","queue":"blocked"}"#.to_owned())
    );
    // It waits for them, rather than being started again.
    assert_eq!(get(address, "/healthz").await.0, 200);
}

#[tokio::test]
async fn who_gave_up_is_neither_ready_nor_well() {
    let gave_up = CancellationToken::new();
    let (address, _stop) = served(Checks::new(gave_up.clone())).await;
    assert_eq!(get(address, "/readyz").await.0, 200);
    gave_up.cancel();
    for path in ["/healthz", "/readyz"] {
        let told = get(address, path).await;
        assert_eq!(told, (503, r#"{"process":"gave up"}"#.to_owned()));
    }
}

#[tokio::test]
async fn a_check_that_hangs_is_no_answer_and_asked_once() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    static GATE: Semaphore = Semaphore::const_new(0);
    let checks = Checks::default().ledger(async || {
        ASKED.fetch_add(1, Ordering::SeqCst);
        GATE.acquire().await.expect("open").forget();
        Ok(())
    });
    let (address, _stop) = served(checks).await;
    let probes: Vec<_> = (0..20)
        .map(|_| tokio::spawn(get(address, "/readyz")))
        .collect();
    for probe in probes {
        let told = probe.await.expect("no panic");
        assert_eq!(told, (503, r#"{"ledger":"no answer yet"}"#.to_owned()));
    }
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    // It was not dropped: its answer is the next one.
    GATE.add_permits(1000);
    while get(address, "/readyz").await.0 != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_part_is_ready_again_when_it_is() {
    static WELL: AtomicBool = AtomicBool::new(false);
    let checks = Checks::default().part("queue", async || {
        WELL.load(Ordering::SeqCst)
            .then_some(())
            .ok_or(unready("away"))
    });
    let (address, _stop) = served(checks).await;
    assert_eq!(get(address, "/readyz").await.0, 503);
    WELL.store(true, Ordering::SeqCst);
    while get(address, "/readyz").await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_answer_stands_for_a_second() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let part = Part::new("ledger", async || {
        ASKED.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let began = Instant::now();
    let never = began + Duration::from_hours(1);
    for _ in 0..3 {
        assert_eq!(part::answer(part.ask(began), never).await, Ok("ok"));
    }
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    let later = Instant::now() + Duration::from_secs(1);
    assert_eq!(part::answer(part.ask(later), never).await, Ok("ok"));
    assert_eq!(ASKED.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_check_that_panics_is_a_failed_part() {
    let checks = Checks::default().ledger(async || panic!("by design"));
    let (address, _stop) = served(checks).await;
    for _ in 0..2 {
        let told = get(address, "/readyz").await;
        assert_eq!(told, (503, r#"{"ledger":"failed"}"#.to_owned()));
    }
}

#[tokio::test]
async fn nobody_is_answered_after_the_stop() {
    let (address, stop) = served(Checks::default()).await;
    assert_eq!(get(address, "/healthz").await.0, 200);
    stop.cancel();
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_address_in_use_is_told_with_the_setting() {
    let (address, _stop) = served(Checks::default()).await;
    let error = serve(
        address,
        Checks::default(),
        String::new,
        CancellationToken::new(),
    )
    .await
    .expect_err("in use");
    assert!(shown(&error).contains("health.listen"), "{}", shown(&error));
    assert_eq!(Exit::of(&error), Exit::Usage);
}
