//! A server whose every byte is chosen by the test.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferry_core::id::AttemptId;
use ferry_core::outcome::CallOutcome;
use ferry_stytch::{Api, Client, Endpoint, MigrateRequest, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const PROJECT: &str = "project-test-11111111-1111-4111-8111-111111111111";
pub(crate) const SECRET: &str = "secret-test-canary-secret";
pub(crate) const TOKEN: &str = "canary-legacy-token";

/// What a request was.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Request line and headers, as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut pairs = lines.filter_map(|line| line.split_once(": "));
        pairs
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What happens after a request was read.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// These bytes; then the next request is read.
    Reply(Vec<u8>),
    /// These bytes; then the connection is closed.
    ReplyAndClose(Vec<u8>),
    /// These bytes; then nothing, and the connection stays open.
    ReplyAndHang(Vec<u8>),
    /// These bytes without an end.
    Flood(Vec<u8>, Vec<u8>),
}

/// Answers the n-th request (over all connections) with the n-th act, then with the last one again
/// and again.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) connections: Arc<Mutex<usize>>,
}

impl Server {
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (server.seen.clone(), server.connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                tokio::spawn(serve(stream, acts.clone(), seen.clone()));
            }
        });
        server
    }

    pub(crate) async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![Act::Reply(bytes.into())]).await
    }

    pub(crate) fn client(&self, api: Api) -> Client {
        client_at(&format!("http://{}", self.address), api)
    }

    /// One B2B migrate call.
    pub(crate) async fn migrate(&self) -> CallOutcome {
        migrate(&self.client(Api::B2b)).await
    }

    /// A client for a server that is known to let it wait.
    pub(crate) fn impatient_client(&self, api: Api) -> Client {
        let settings = Settings {
            call_timeout: Duration::from_millis(300),
            ..settings_at(&format!("http://{}", self.address), api)
        };
        Client::new(&settings).unwrap()
    }

    /// One B2B migrate call that does not wait long.
    pub(crate) async fn migrate_impatiently(&self) -> CallOutcome {
        migrate(&self.impatient_client(Api::B2b)).await
    }

    pub(crate) fn only_request(&self) -> Seen {
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    pub(crate) fn request_count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn connection_count(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, acts: Vec<Act>, seen: Arc<Mutex<Vec<Seen>>>) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            seen.len() - 1
        };
        let act = acts.get(number).or(acts.last()).unwrap();
        match act {
            Act::Reply(bytes) => stream.write_all(bytes).await.unwrap(),
            Act::ReplyAndClose(bytes) => {
                stream.write_all(bytes).await.unwrap();
                return;
            }
            Act::ReplyAndHang(bytes) => {
                stream.write_all(bytes).await.unwrap();
                std::future::pending::<()>().await;
            }
            Act::Flood(head, piece) => {
                stream.write_all(head).await.unwrap();
                while stream.write_all(piece).await.is_ok() {}
                return;
            }
        }
    }
}

/// The next request on a connection; `None` when it ends before one is whole.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_length = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_some(stream, &mut bytes).await?;
    };
    let head = String::from_utf8(bytes[..head_length].to_vec()).unwrap();
    let mut request = Seen {
        head,
        body: bytes.split_off(head_length),
    };
    let length = request.header("content-length");
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while request.body.len() < length {
        read_some(stream, &mut request.body).await?;
    }
    Some(request)
}

async fn read_some(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(bytes).await {
        Ok(1..) => Some(()),
        Ok(0) | Err(_) => None,
    }
}

pub(crate) fn client_at(base_url: &str, api: Api) -> Client {
    Client::new(&settings_at(base_url, api)).unwrap()
}

/// With a connect timeout short enough for a test.
pub(crate) fn settings_at(base_url: &str, api: Api) -> Settings {
    let endpoint = Endpoint::for_project(PROJECT, Some(base_url)).unwrap();
    Settings {
        connect_timeout: Duration::from_millis(500),
        ..Settings::new(endpoint, PROJECT.into(), SECRET.to_owned().into(), api)
    }
}

pub(crate) async fn migrate(client: &Client) -> CallOutcome {
    migrate_as(client, AttemptId([7; 16])).await
}

pub(crate) async fn migrate_as(client: &Client, attempt: AttemptId) -> CallOutcome {
    let request = MigrateRequest {
        access_token: &TOKEN.to_owned().into(),
        organization: "acme",
        minutes: 60,
        attempt,
        custom_claims: None,
    };
    client.migrate(&request).await
}

/// A reply with its length, of a JSON body.
pub(crate) fn json_reply(status: u16, body: &Value) -> Vec<u8> {
    reply(
        status,
        &[("Content-Type", "application/json")],
        &body.to_string(),
    )
}

pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An error in Stytch's envelope.
pub(crate) fn error_reply(status: u16, error_type: &str) -> Vec<u8> {
    json_reply(status, &envelope(status, error_type))
}

pub(crate) fn envelope(status: u16, error_type: &str) -> Value {
    json!({
        "status_code": status,
        "request_id": "request-id-test-1",
        "error_type": error_type,
        "error_message": "canary-message",
        "error_url": "https://stytch.com/docs/api/errors",
    })
}

/// The body of a successful B2B migrate call.
pub(crate) fn minted_body() -> Value {
    json!({
        "status_code": 200,
        "request_id": "request-id-test-1",
        "member_id": "member-test-1",
        "session_token": "canary-stytch-token",
        "session_jwt": "canary-stytch-jwt",
        "member": {"email_address": "alice@example.com"},
        "organization": {"organization_id": "organization-test-1", "organization_slug": "acme"},
        "member_session": {
            "member_session_id": "member-session-test-1",
            "expires_at": "2026-01-01T01:00:00Z",
        },
    })
}

pub(crate) fn minted_reply() -> Vec<u8> {
    json_reply(200, &minted_body())
}
