//! A server whose every byte is chosen by the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferry_oidc::{Probe, Settings, Verdict};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOKEN: &str = "canary-legacy-token";

/// Short enough for a test.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// Says where its UserInfo is, and answers there as it is told to.
pub(crate) struct Server {
    pub(crate) issuer: String,
    /// The heads of all requests.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The configuration names the server itself; UserInfo answers with these bytes.
    pub(crate) async fn answering(userinfo: Vec<u8>) -> Self {
        Self::start(None, Some(userinfo)).await
    }

    /// The configuration is these bytes.
    pub(crate) async fn configured(configuration: Vec<u8>) -> Self {
        Self::start(Some(configuration), Some(Vec::new())).await
    }

    /// UserInfo never answers.
    pub(crate) async fn silent() -> Self {
        Self::start(None, None).await
    }

    async fn start(configuration: Option<Vec<u8>>, userinfo: Option<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let own = json!({"issuer": issuer, "userinfo_endpoint": format!("{issuer}/userinfo")});
        let configuration = configuration.unwrap_or_else(|| reply(200, "", &own.to_string()));
        let seen = Arc::<Mutex<Vec<String>>>::default();
        tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let answers = (configuration.clone(), userinfo.clone());
                    tokio::spawn(serve(stream, answers, Arc::clone(&seen)));
                }
            }
        });
        Self { issuer, seen }
    }

    pub(crate) fn probe(&self) -> Probe {
        probe(&self.issuer)
    }

    /// One question.
    pub(crate) async fn ask(&self) -> Verdict {
        self.probe().ask(&TOKEN.to_owned().into()).await
    }
}

async fn serve(
    mut stream: TcpStream,
    (configuration, userinfo): (Vec<u8>, Option<Vec<u8>>),
    seen: Arc<Mutex<Vec<String>>>,
) {
    while let Some(head) = read_head(&mut stream).await {
        let is_userinfo = head.starts_with("GET /userinfo ");
        seen.lock().unwrap().push(head);
        match (is_userinfo, &userinfo) {
            (false, _) => stream.write_all(&configuration).await.unwrap(),
            (true, Some(bytes)) => {
                stream.write_all(bytes).await.unwrap();
                return;
            }
            (true, None) => std::future::pending().await,
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// With timeouts short enough for a test.
pub(crate) fn probe(issuer: &str) -> Probe {
    let settings = Settings {
        issuer: issuer.parse().unwrap(),
        call_timeout: CALL_TIMEOUT,
        connect_timeout: Duration::from_millis(300),
    };
    Probe::new(settings).unwrap()
}

/// `headers` end with a line end each.
pub(crate) fn reply(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
