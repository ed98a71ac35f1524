//! The files that start Ferry elsewhere: against the schemas of those who read them, and against
//! the binary that they start. What it takes to run them (a container engine, a service manager, a
//! cluster) is not needed here, and what they do there is not shown.

mod binary;
mod compose;
mod kubernetes;
mod systemd;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The binary under test.
const FERRY: &str = env!("CARGO_BIN_EXE_ferry");

/// Within this, a worker that is told to stop has drained.
const DRAIN_SECONDS: u64 = 20;

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&text(&format!("tests/fixtures/deploy/{name}"))).expect("a schema")
}

/// Where and how a document breaks a schema.
fn faults(schema: &Value, document: &Value) -> Vec<String> {
    jsonschema::validator_for(schema)
        .expect("a schema")
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The strings of a list.
fn strings(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn every_worker_is_given_longer_to_stop_than_it_takes_to_drain() {
    let seconds = |text: &str| text.parse::<u64>().expect("seconds");
    let compose = compose::file();
    let grace = compose["services"]["worker"]["stop_grace_period"]
        .as_str()
        .and_then(|grace| grace.strip_suffix('s'))
        .expect("a time in seconds");
    let pod =
        kubernetes::pod(&kubernetes::manifest("workers.yaml"))["terminationGracePeriodSeconds"]
            .as_u64()
            .expect("seconds");
    let unit = systemd::setting("ferry-work@.service", "TimeoutStopSec");
    for given in [seconds(grace), pod, seconds(&unit)] {
        assert!(given > DRAIN_SECONDS, "{given} s");
    }
}

#[test]
fn the_image_is_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let label = format!("org.opencontainers.image.version=\"{version}\"");
    assert!(text("Dockerfile").contains(&label), "{label}");
    assert_eq!(
        compose::file()["services"]["worker"]["image"],
        format!("ferry:{version}")
    );
    assert_eq!(
        yaml(&text("deploy/kubernetes/kustomization.yaml"))["images"][0]["newTag"],
        version
    );
    let job = kubernetes::manifest("enqueue.yaml");
    let image = kubernetes::container(&job)["image"].as_str().unwrap();
    assert!(image.ends_with(&format!("/ferry:{version}")), "{image}");
}
