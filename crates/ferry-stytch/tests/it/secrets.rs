//! No secret is printed: not by an outcome, not by a failure, not by a library at TRACE.

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use ferry_core::id::AttemptId;
use ferry_stytch::{Api, MigrateRequest};
use tracing_subscriber::filter::LevelFilter;

use crate::server::{
    Act, Server, TOKEN, client_at, error_reply, migrate, minted_reply, reply, settings_at,
};

/// All log lines of this process, whichever way they are written.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

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

/// Captures `tracing` and `log` at TRACE, for as long as the process lives.
pub(crate) fn capture() -> Logs {
    static LOGS: OnceLock<Logs> = OnceLock::new();
    let install = || {
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
    };
    LOGS.get_or_init(install).clone()
}

/// Each secret of these tests holds the word `canary`: as text, as base64 at its three alignments,
/// as hexadecimal digits and as decimal bytes.
pub(crate) fn assert_nothing_leaked(text: &str) {
    let forms = [
        "canary",
        "Y2FuYXJ5",
        "NhbmFye",
        "jYW5hcn",
        "63616e617279",
        "99, 97, 110, 97, 114, 121",
    ];
    for form in forms {
        if let Some(at) = text.find(form) {
            let around: String = text[..at].chars().rev().take(200).collect();
            let around: String = around.chars().rev().collect();
            panic!("{form} after {around:?}");
        }
    }
}

/// What each failure prints, in every way that a caller may print it.
async fn printed(act: Act) -> String {
    let waits = matches!(act, Act::ReplyAndHang(_));
    let server = Server::start(vec![act]).await;
    let mut text = String::new();
    for api in [Api::B2b, Api::Consumer] {
        let client = if waits {
            server.impatient_client(api)
        } else {
            server.client(api)
        };
        let outcome = migrate(&client).await;
        writeln!(text, "{client:?} {outcome:?} {outcome:#?}").unwrap();
        let failures = [
            client.list_sessions("acme", "canary-member").await.err(),
            client.revoke("canary-session").await.err(),
            client.find_member("acme", "canary@example.com").await.err(),
            client.whoami().await.err(),
        ];
        for failure in failures.into_iter().flatten() {
            writeln!(text, "{failure} {failure:?} {failure:#?}").unwrap();
        }
    }
    text
}

#[tokio::test]
async fn no_failure_and_no_library_prints_a_secret() {
    let logs = capture();
    let whole = minted_reply();
    let located = [("Location", "http://127.0.0.1:9/canary?token=canary")];
    let failures = [
        Act::Reply(whole.clone()),
        Act::ReplyAndClose(whole[..whole.len() - 10].to_vec()),
        Act::ReplyAndHang(whole[..whole.len() - 10].to_vec()),
        Act::ReplyAndClose(Vec::new()),
        Act::Reply(reply(
            200,
            &[],
            r#"{"session_token": "canary", "member_id": 7}"#,
        )),
        Act::Reply(reply(200, &[], "<html>canary</html>")),
        Act::Reply(reply(502, &[("X-Debug", "canary")], "<html>canary</html>")),
        Act::Reply(reply(302, &located, "")),
        Act::Reply(error_reply(401, "unauthorized_credentials")),
        Act::Reply(error_reply(429, "too_many_requests")),
        Act::Reply(b"canary is no HTTP\r\n\r\n".to_vec()),
        Act::Reply(b"HTTP/1.1 200 OK\r\nContent-Length: canary\r\n\r\n".to_vec()),
        Act::Reply(b"HTTP/1.1 200 OK\r\ncanary\x00: canary\r\n\r\n".to_vec()),
    ];
    let mut text = String::new();
    for act in failures {
        text.push_str(&printed(act).await);
    }
    for base_url in [
        "http://127.0.0.1:9",
        "https://127.0.0.1:9",
        "https://ferry.invalid",
    ] {
        let client = client_at(base_url, Api::B2b);
        let outcome = migrate(&client).await;
        let failure = client.find_member("acme", "canary@example.com").await;
        let settings = settings_at(base_url, Api::B2b);
        writeln!(text, "{outcome:?} {failure:?} {settings:?} {client:#?}").unwrap();
    }
    let request = MigrateRequest {
        access_token: &TOKEN.to_owned().into(),
        organization: "acme",
        minutes: 60,
        attempt: AttemptId([7; 16]),
        custom_claims: None,
    };
    writeln!(text, "{request:?}").unwrap();
    assert_nothing_leaked(&text);

    let logs = logs.text();
    assert!(logs.contains("no connection to Stytch"), "Ferry was heard");
    assert!(
        logs.contains("starting new connection"),
        "reqwest was heard"
    );
    assert!(logs.contains("hyper_util"), "hyper-util was heard");
    assert_nothing_leaked(&logs);
}

#[test]
fn a_leak_would_be_seen_in_each_form() {
    for leak in [
        format!("token={TOKEN}"),
        "Basic cHJvamVjdDpjYW5hcnk=".to_owned(),
        hex_of(TOKEN),
        format!("{:?}", TOKEN.as_bytes()),
    ] {
        let seen = std::panic::catch_unwind(|| assert_nothing_leaked(&leak));
        assert!(seen.is_err(), "{leak}");
    }
}

fn hex_of(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
