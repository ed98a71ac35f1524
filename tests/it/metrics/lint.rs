//! What `promtool` says of all this.

use std::process::{Output, Stdio};

use ferry_sim::{Faults, Population};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::prometheus::{HOW, get};
use super::queries::path;
use crate::health::address;
use crate::support::{Crossing, signal};

async fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .current_dir(path("deploy/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut promtool = command.spawn().expect(HOW);
    let mut stdin = promtool.stdin.take().expect("piped");
    // It may have ended without reading.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    promtool.wait_with_output().await.expect("it ends")
}

async fn assert_content(arguments: &[&str], input: &str) {
    let output = promtool(arguments, input).await;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[tokio::test]
async fn promtool_is_content_with_configuration_rules_and_cases() {
    assert_content(&["check", "config", "prometheus.yml"], "").await;
    assert_content(&["check", "rules", "rules.yml"], "").await;
    assert_content(&["test", "rules", "rules_test.yml"], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_is_content_with_the_metrics_of_a_worker() {
    let crossing = Crossing::new(Population::new(20, 700), Faults::default()).await;
    let mut command = crossing.command(&["work"]);
    command.env("FERRY_HEALTH__LISTEN", "127.0.0.1:0");
    let mut worker = command.spawn().expect("the binary starts");
    let address = address(&mut worker).await;
    let text = loop {
        let (status, text) = get(&address, "/metrics").await.expect("an answer");
        assert_eq!(status, 200, "{text}");
        if text.contains("ferry_ledger_read_timestamp_seconds") {
            break text;
        }
        tokio::time::sleep(crate::support::LOOK_EVERY).await;
    };
    assert_content(&["check", "metrics"], &text).await;
    signal(&worker, "TERM").await;
    let output = worker.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
