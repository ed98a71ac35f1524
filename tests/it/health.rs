//! `/healthz` and `/readyz` of a worker.

use std::net::TcpListener;

use ferry_sim::{Faults, Population};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::{Crossing, signal};

async fn crossing(seed: u64) -> Crossing {
    Crossing::new(Population::new(3, seed), Faults::default()).await
}

impl Crossing {
    fn worker(&self, listen: &str) -> Command {
        let mut command = self.command(&["work"]);
        command.env("FERRY_HEALTH__LISTEN", listen);
        command
    }
}

/// The address that the worker says it answers on.
pub(crate) async fn address(worker: &mut Child) -> String {
    let mut lines = BufReader::new(worker.stderr.as_mut().expect("piped")).lines();
    loop {
        let line = lines.next_line().await.unwrap();
        let line = line.expect("said before the end");
        if let Some((_, address)) = line.split_once("answering /healthz and /readyz") {
            let digits = |c: char| c.is_ascii_digit();
            let from = address.find("127.0.0.1").expect("an address");
            return address[from..].trim_end_matches(|c| !digits(c)).to_owned();
        }
    }
}

pub(crate) async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: ferry\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_alive_and_ready_until_it_is_told_to_stop() {
    let crossing = crossing(230).await;
    let mut worker = crossing.worker("127.0.0.1:0").spawn().unwrap();
    let address = address(&mut worker).await;
    let alive = get(&address, "/healthz").await;
    assert!(alive.starts_with("HTTP/1.1 200 OK"), "{alive}");
    let ready = get(&address, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200 OK"), "{ready}");
    assert!(
        ready.ends_with(r#"{"ledger":"ok","queue":"ok"}"#),
        "{ready}"
    );
    signal(&worker, "TERM").await;
    let output = worker.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_refused_with_its_setting() {
    let crossing = crossing(231).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let refused = crossing.outcome(crossing.worker(&listen)).await;
    refused.assert_says(2, &["health.listen", &listen, "give a free address"]);
}
