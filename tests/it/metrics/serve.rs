//! `ferry serve`.

use ferry_sim::{Faults, Population};

use super::prometheus::get;
use crate::health::address;
use crate::support::{Crossing, LOOK_EVERY, signal};

/// Beside `ferry run`, which has the data folder to itself.
#[tokio::test(flavor = "multi_thread")]
async fn it_tells_of_a_run_on_one_machine_from_beside_it_and_after_it() {
    let slow = Faults {
        latency_ms: 20,
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(300, 710), slow).await;
    let mut run = crossing.run_command();
    run.env("FERRY_HEALTH__LISTEN", "127.0.0.1:0");
    let mut run = run.spawn().expect("the binary starts");
    let of_run = address(&mut run).await;
    let mut serve = crossing.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut serve = serve.spawn().expect("the binary starts");
    let address = address(&mut serve).await;
    let (status, own) = get(&of_run, "/metrics").await.expect("an answer");
    assert_eq!(status, 200);
    assert!(own.contains("ferry_calls_in_flight_limit"), "{own}");
    let output = run.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let finished = r#"ferry_run_state{run="test",state="finished"} 1"#;
    let text = until(&address, finished).await;
    for wanted in [
        r#"ferry_run_sessions{run="test",state="migrated"} 300"#,
        r#"ferry_run_books_imbalance{run="test"} 0"#,
        r#"ferry_mappings{state="live"} 300"#,
        r#"ferry_limited_by{by="nothing_left"} 1"#,
        "ferry_build_info{version=\"",
        // It has made no call itself.
        r#"ferry_attempts_total{disposition="migrated",reason="none"} 0"#,
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    // The queue was in the process that is gone.
    assert!(!text.contains("ferry_work_queue_messages"), "{text}");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&address, path).await.expect("an answer").0, 200);
    }
    signal(&serve, "TERM").await;
    let output = serve.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// Scrapes until it says so.
async fn until(address: &str, saying: &str) -> String {
    loop {
        let (_, text) = get(address, "/metrics").await.expect("an answer");
        if text.contains(saying) {
            return text;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
