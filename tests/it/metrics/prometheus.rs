//! A Prometheus of the test's own, with the shipped rules.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use url::form_urlencoded;

use super::free_address;
use super::queries::path;
use crate::support::LOOK_EVERY;

/// What to do where it is missing.
pub(super) const HOW: &str =
    "Prometheus is missing: `apt-get install prometheus`, or `cargo xtask test`, which does it";

pub(super) struct Prometheus {
    address: &'static str,
    folder: TempDir,
    _server: Child,
}

/// A series over time: its labels, and its samples as (seconds since 1970, value).
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) labels: Value,
    pub(super) samples: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Scrapes these addresses each second, and evaluates the shipped rules as often.
    pub(super) async fn start(targets: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shipped = fs::read_to_string(path("deploy/prometheus/prometheus.yml")).unwrap();
        let rules = path("deploy/prometheus/rules.yml");
        let configuration = shipped
            .replace("scrape_interval: 10s", "scrape_interval: 1s")
            .replace("scrape_timeout: 5s", "scrape_timeout: 1s")
            .replace("evaluation_interval: 15s", "evaluation_interval: 1s")
            .replace(
                "[rules.yml]",
                &format!("[{:?}]", rules.display().to_string()),
            )
            .replace(
                r#"["sim:9464", "sim:9465", "sim:9466"]"#,
                &format!("{targets:?}"),
            );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).unwrap();
        let address = free_address();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect(HOW);
        let prometheus = Self {
            address,
            folder,
            _server: server,
        };
        prometheus.until_ready().await;
        prometheus
    }

    async fn until_ready(&self) {
        loop {
            if let Ok((200, _)) = get(self.address, "/-/ready").await {
                return;
            }
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(!log.contains("level=error"), "{log}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What its API answers; an error is a fault of the query.
    pub(super) async fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let path = format!("/api/v1/{path}?{}", query.finish());
        let (status, body) = get(self.address, &path).await.expect("an answer");
        assert_eq!(status, 200, "{parameters:?}: {body}");
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(answer["status"], "success", "{parameters:?}: {body}");
        answer["data"].clone()
    }

    /// What it comes to now, by labels.
    pub(super) async fn now(&self, expression: &str) -> Vec<(Value, f64)> {
        let data = self.api("query", &[("query", expression)]).await;
        let result = data["result"].as_array().expect("a vector").iter();
        let read = |series: &Value| (series["metric"].clone(), number(&series["value"][1]));
        result.map(read).collect()
    }

    /// The only value of it now; `None` if there is none.
    pub(super) async fn value(&self, expression: &str) -> Option<f64> {
        let all = self.now(expression).await;
        assert!(all.len() < 2, "{expression}: {all:?}");
        all.first().map(|(_, value)| *value)
    }

    /// Waits until it comes to anything.
    pub(super) async fn until(&self, expression: &str) {
        while self.now(expression).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What it came to, second by second, over the last so many seconds.
    pub(super) async fn over(&self, expression: &str, seconds: u32) -> Vec<Series> {
        let now = self.value("vector(time())").await.expect("the time");
        let (start, end) = ((now - f64::from(seconds)).to_string(), now.to_string());
        let parameters = [
            ("query", expression),
            ("start", &start),
            ("end", &end),
            ("step", "1"),
        ];
        let data = self.api("query_range", &parameters).await;
        let result = data["result"].as_array().expect("a matrix").iter();
        let sample = |sample: &Value| (sample[0].as_f64().expect("a time"), number(&sample[1]));
        let read = |series: &Value| Series {
            labels: series["metric"].clone(),
            samples: series["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(sample)
                .collect(),
        };
        result.map(read).collect()
    }
}

fn number(value: &Value) -> f64 {
    let text = value.as_str().expect("a number as text");
    text.parse().expect("a number")
}

/// Status and body. In HTTP/1.0, so that the body ends with the connection.
pub(super) async fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.expect("a status"), body.to_owned()))
}
