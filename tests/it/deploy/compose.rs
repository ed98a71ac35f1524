//! `docker-compose.yml`.

use ferry_sim::Credentials;
use serde_json::Value;

use super::{faults, schema, strings, text, yaml};

/// The file as it is read: with its anchors followed.
pub(super) fn file() -> Value {
    yaml(&text("docker-compose.yml"))
}

fn services(file: &Value) -> Vec<(&String, &Value)> {
    file["services"].as_object().unwrap().iter().collect()
}

#[test]
fn the_compose_file_fits_the_compose_specification() {
    assert_eq!(
        faults(&schema("compose-spec.json"), &file()),
        Vec::<String>::new()
    );
}

#[test]
fn a_misspelt_key_of_a_service_is_refused() {
    let misspelt = text("docker-compose.yml").replace("stop_grace_period", "stop_grace_time");
    let faults = faults(&schema("compose-spec.json"), &yaml(&misspelt));
    assert!(
        faults.iter().any(|fault| fault.contains("stop_grace_time")),
        "{faults:?}"
    );
}

#[test]
fn ports_are_open_on_loopback_only() {
    let file = file();
    for (name, service) in services(&file) {
        for port in strings(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn every_service_and_volume_that_is_named_is_there() {
    let file = file();
    for (name, service) in services(&file) {
        let waited_for = service["depends_on"].as_object().into_iter().flatten();
        let joined = service["network_mode"]
            .as_str()
            .and_then(|mode| mode.strip_prefix("service:"));
        for other in waited_for.map(|(other, _)| other.as_str()).chain(joined) {
            assert!(file["services"][other].is_object(), "{name}: {other}");
        }
        for volume in strings(&service["volumes"]) {
            let (volume, _) = volume.split_once(':').expect("a place");
            assert!(
                file["volumes"].as_object().unwrap().contains_key(volume),
                "{name}: {volume}"
            );
        }
    }
}

#[test]
fn the_workers_know_the_simulators_credentials() {
    let settings = &file()["services"]["worker"]["environment"];
    let credentials = Credentials::default();
    assert_eq!(
        settings["FERRY_STYTCH__PROJECT_ID"],
        credentials.project_id.as_str()
    );
    assert_eq!(
        settings["FERRY_STYTCH__SECRET"],
        credentials.secret.as_str()
    );
}
