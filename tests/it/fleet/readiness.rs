//! `/healthz` and `/readyz` while a server is away.

use std::sync::Arc;

use ferry_sim::{Faults, Population};

use crate::health::get;
use crate::support::{Fleet, Kept, LOOK_EVERY, Servers};

const READY: &str = r#"{"ledger":"ok","queue":"ok"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_not_ready_while_a_server_is_away_and_says_which() {
    let mut servers = Servers::start();
    let fleet = Fleet::on_private(Population::new(3, 90), Faults::default(), &servers).await;
    let fleet = Arc::new(fleet);
    let listen = [("FERRY_HEALTH__LISTEN", "127.0.0.1:0")];
    let mut worker = Kept::start_with(&fleet, "worker", &["work"], &listen);
    worker.until_logged("answering /healthz and /readyz").await;
    let address = address(&worker.log());
    let ready = || until(&address, "200", |parts| parts == READY);
    let ledger_away = || {
        until(&address, "503", |parts| {
            !parts.contains(r#""ledger":"ok""#) && parts.contains(r#""queue":"ok""#)
        })
    };
    let queue_away = || {
        until(&address, "503", |parts| {
            !parts.contains(r#""queue":"ok""#) && parts.contains(r#""ledger":"ok""#)
        })
    };
    worker.until(ready()).await;

    servers.postgres.freeze().unwrap();
    worker.until(ledger_away()).await;
    servers.postgres.thaw().unwrap();
    worker.until(ready()).await;
    servers.postgres.kill().unwrap();
    worker.until(ledger_away()).await;
    servers.postgres.start_again().unwrap();
    worker.until(ready()).await;

    servers.broker.freeze().unwrap();
    worker.until(queue_away()).await;
    servers.broker.thaw().unwrap();
    worker.until(ready()).await;
    servers.broker.kill().unwrap();
    worker.until(queue_away()).await;
    let alive = get(&address, "/healthz").await;
    assert!(alive.starts_with("HTTP/1.1 200 OK"), "{alive}");
    servers.broker.start_again().unwrap();
    worker.until(ready()).await;

    worker.signal("TERM").await;
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
}

/// Asks until it answers with this status, and so of its parts.
async fn until(address: &str, status: &str, fits: impl Fn(&str) -> bool) {
    loop {
        let reply = get(address, "/readyz").await;
        let parts = reply.lines().last().unwrap_or_default();
        if reply.starts_with(&format!("HTTP/1.1 {status} ")) && fits(parts) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The address that the worker says it answers on.
fn address(log: &str) -> String {
    let from = log.find("127.0.0.1:").expect("an address");
    let address = log[from..].split(|c: char| !c.is_ascii_digit() && !".:".contains(c));
    address.into_iter().next().expect("an address").to_owned()
}
