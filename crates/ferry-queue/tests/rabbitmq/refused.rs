//! Settings that are wrong, and what is said about them.

use ferry_queue::{Queue, QueueError};

use crate::shared;
use crate::support::{Raw, fresh_prefix, on_broker, rng, settings};

/// The broker's URL with another password or virtual host.
fn changed(url: &str, password: Option<&str>, vhost: Option<&str>) -> String {
    let mut url = url::Url::parse(url).expect("a good URL");
    if let Some(password) = password {
        url.set_password(Some(password)).expect("it has a host");
    }
    if let Some(vhost) = vhost {
        url.set_path(vhost);
    }
    url.into()
}

async fn error_of(url: &str, prefix: &str) -> QueueError {
    let connected = Queue::connect(settings(url, prefix), &mut rng()).await;
    connected.expect_err("it is wrong")
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let broker = shared().await;
    let url = changed(&broker.url, Some("hunter2"), None);
    let error = error_of(&url, &fresh_prefix()).await;
    assert!(matches!(error, QueueError::Credentials { .. }), "{error}");
    assert!(!error.is_passing());
    let told = format!("{error} {error:?} {:?}", settings(&url, "ferry"));
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn a_missing_virtual_host_is_told() {
    let broker = shared().await;
    let url = changed(&broker.url, None, Some("/nowhere"));
    let error = error_of(&url, &fresh_prefix()).await;
    assert!(matches!(error, QueueError::VirtualHost { .. }), "{error}");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_told() {
    let [port] = ferry_testbed::free_ports().expect("a free port");
    let error = error_of(&format!("amqp://127.0.0.1:{port}"), "ferry").await;
    assert!(matches!(error, QueueError::Unreachable { .. }), "{error}");
    assert!(error.is_passing());
}

#[tokio::test]
async fn a_prefix_that_does_not_fit_into_names_is_refused() {
    for prefix in ["", "a b", "ä", &"a".repeat(101)] {
        let error = error_of("amqp://127.0.0.1:1", prefix).await;
        assert!(matches!(error, QueueError::Prefix), "{prefix:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_told_with_its_remedy() {
    let broker = shared().await;
    let prefix = fresh_prefix();
    let raw = Raw::connect(&broker.url, &prefix).await;
    raw.declare_otherwise("work").await;
    let error = error_of(&broker.url, &prefix).await;
    let QueueError::Arguments { name, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*name, raw.name("work"));
    assert!(error.to_string().contains("delete it"), "{error}");
    assert!(!error.is_passing());
    raw.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_before_is_taken_as_it_is() {
    let broker = shared().await;
    let (first, raw) = on_broker(&broker.url).await;
    let prefix = raw.name("work").replace(".v1.work", "");
    let second = Queue::connect(settings(&broker.url, &prefix), &mut rng()).await;
    let second = second.expect("the same arguments");
    second
        .publish(&crate::support::messages(0..1))
        .await
        .expect("it is there");
    assert_eq!(first.depth().await.expect("it is there"), 1);
    raw.clean_up().await;
}
