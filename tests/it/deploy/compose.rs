//! `docker-compose.yml`.

use ferry_sim::Credentials;
use serde_json::Value;

use super::{faults, path, schema, strings, text, yaml};

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
            // A file or folder of the repository.
            if let Some(here) = volume.strip_prefix("./") {
                assert!(path(here).exists(), "{name}: {here}");
                continue;
            }
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

/// The port at which a service answers, by the environment that it is given.
fn port_of(service: &Value) -> Option<&str> {
    let listen = service["environment"]["FERRY_HEALTH__LISTEN"].as_str()?;
    Some(listen.rsplit_once(':').expect("a port").1)
}

#[test]
fn prometheus_scrapes_everybody_who_answers_and_no_two_share_a_port() {
    let file = file();
    let mut ports: Vec<String> = services(&file)
        .iter()
        .filter_map(|(_, service)| port_of(service))
        .map(|port| format!("sim:{port}"))
        .collect();
    ports.sort_unstable();
    let configuration = yaml(&text("deploy/prometheus/prometheus.yml"));
    let targets = &configuration["scrape_configs"][0]["static_configs"][0]["targets"];
    assert_eq!(strings(targets), ports);
    assert_eq!(ports.len(), 3);
}

#[test]
fn who_looks_at_prometheus_or_grafana_changes_nothing() {
    let file = file();
    for name in ["prometheus", "grafana"] {
        let service = &file["services"][name];
        let ours = strings(&service["volumes"]).into_iter();
        for volume in ours.filter(|volume| volume.starts_with("./")) {
            assert!(volume.ends_with(":ro"), "{name}: {volume}");
        }
    }
    let grafana = &file["services"]["grafana"]["environment"];
    assert_eq!(grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer");
}
