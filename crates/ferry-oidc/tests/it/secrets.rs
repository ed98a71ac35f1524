//! No token is printed: not by a verdict, not by an error, not by a library at TRACE.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::filter::LevelFilter;

use crate::server::{Server, TOKEN, probe, reply};

/// All log lines of this process, whichever way they are written.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Logs {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        self.0.lock().unwrap().extend(line.into_bytes());
    }

    fn flush(&self) {}
}

fn capture() -> Logs {
    let logs = Logs::default();
    let writer = logs.clone();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    log::set_boxed_logger(Box::new(logs.clone())).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    logs
}

/// The token of these tests holds this word: as text, as base64 at its three alignments, as
/// hexadecimal digits and as decimal bytes.
const FORMS: [&str; 6] = [
    "canary",
    "Y2FuYXJ5",
    "NhbmFye",
    "jYW5hcn",
    "63616e617279",
    "99, 97, 110, 97, 114, 121",
];

#[tokio::test]
async fn no_verdict_no_error_and_no_library_prints_a_token() {
    let logs = capture();
    let located = "Location: http://127.0.0.1:9/canary?token=canary\r\n";
    let challenged = "WWW-Authenticate: Bearer error=\"canary\"\r\n";
    let answers = [
        reply(200, "", r#"{"email":"canary@example.com"}"#),
        reply(200, "", "<html>canary</html>"),
        reply(302, located, ""),
        reply(401, challenged, "canary"),
        reply(429, "X-Debug: canary\r\n", "canary"),
        reply(503, "", "canary"),
        b"canary is no HTTP\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncanary\x00: canary\r\n\r\n".to_vec(),
        Vec::new(),
    ];
    let mut text = String::new();
    for answer in answers {
        let server = Server::answering(answer).await;
        let probe = server.probe();
        let verdict = probe.ask(&TOKEN.to_owned().into()).await;
        writeln!(text, "{probe:?} {probe:#?} {verdict:?}").unwrap();
    }
    let other = r#"{"issuer":"https://canary.example","userinfo_endpoint":"canary"}"#;
    for configuration in [reply(200, "", other), reply(200, "", "canary")] {
        let server = Server::configured(configuration).await;
        let error = server.probe().discover().await.unwrap_err();
        writeln!(text, "{error} {error:?}").unwrap();
    }
    for issuer in [
        "http://127.0.0.1:9",
        "https://127.0.0.1:9",
        "https://ferry.invalid",
    ] {
        let probe = probe(issuer);
        let error = probe.discover().await.unwrap_err();
        let verdict = probe.ask(&TOKEN.to_owned().into()).await;
        writeln!(text, "{error} {error:?} {verdict:?}").unwrap();
    }
    let logs = String::from_utf8_lossy(&logs.0.lock().unwrap()).into_owned();
    assert!(
        logs.contains("UserInfo could not be asked"),
        "Ferry was heard"
    );
    assert!(
        logs.contains("starting new connection"),
        "reqwest was heard"
    );
    assert!(logs.contains("hyper_util"), "hyper-util was heard");
    for form in FORMS {
        assert!(!text.contains(form), "{form}: {text}");
        assert!(!logs.contains(form), "{form} is in the log");
    }
}
