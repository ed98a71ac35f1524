//! `docker-compose.yml`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ferry_ledger::seal::KeyRing;
use ferry_sim::Credentials;
use serde_json::Value;

use super::{FERRY, faults, schema, strings, text, yaml};
use crate::support::{Outcome, ferry};

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

#[tokio::test]
async fn setting_up_makes_a_key_ring_and_an_export_once() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let made = contents(folder.path());
    assert_eq!(
        made.keys().map(String::as_str).collect::<Vec<_>>(),
        [".env.test", "sessions.csv"]
    );
    let keys = made[".env.test"].trim().strip_prefix("FERRY_DATA__KEYS=");
    KeyRing::parse(keys.expect("a setting").trim_matches('\'')).expect("a key ring");
    assert!(made["sessions.csv"].lines().count() > 5000);

    let shown = Outcome::of(ferry(folder.path(), &["config", "show", "--env", "test"])).await;
    shown.assert_says(0, &[]);
    let keys = shown
        .standard_output
        .lines()
        .find(|line| line.starts_with("data.keys = \"(hidden)\""));
    assert!(
        keys.is_some_and(|line| line.contains(".env.test")),
        "{keys:?}"
    );

    set_up(folder.path());
    assert_eq!(contents(folder.path()), made);
}

/// What the service `setup` does, in this folder.
fn set_up(folder: &Path) {
    let service = &file()["services"]["setup"];
    let shell = strings(&service["entrypoint"]);
    let script = strings(&service["command"]).concat();
    let programs = Path::new(FERRY).parent().unwrap().display();
    let done = Command::new(shell[0])
        .args(&shell[1..])
        // Compose would take `$` for a variable of its own.
        .arg(script.replace("$$", "$"))
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Names and texts of a folder's files, which are for their owner only.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{:?}", file.path());
            (
                file.file_name().into_string().unwrap(),
                fs::read_to_string(file.path()).unwrap(),
            )
        })
        .collect()
}
