//! What the files ask of the binary: its settings, its key ring, its commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ferry_ledger::seal::KeyRing;

use super::{FERRY, compose, kubernetes, path, strings, systemd, text};
use crate::support::{Outcome, ferry};

/// All that starts Ferry, and the page that tells how.
const FOLDERS: [&str; 2] = ["deploy/systemd", "deploy/kubernetes"];
const FILES: [&str; 2] = ["docker-compose.yml", "docs/deployment.md"];

/// The variables that a text names; those of settings have two underscores.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_ascii_uppercase() || character == '_'))
        .filter(|word| word.starts_with("FERRY_") && word.contains("__"))
}

/// The variables of all settings, by `ferry config reference`.
fn settings(reference: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut settings = BTreeSet::new();
    for line in reference.lines() {
        if let Some(name) = line.strip_prefix("## `[") {
            section = name.trim_end_matches("]`");
        } else if let Some((name, _)) = line
            .strip_prefix("- **`")
            .and_then(|field| field.split_once('`'))
        {
            let variable = format!("FERRY_{section}__{name}").replace('.', "__");
            settings.insert(variable.to_ascii_uppercase());
        }
    }
    settings
}

#[tokio::test]
async fn every_variable_that_is_set_is_a_setting() {
    let folder = tempfile::tempdir().unwrap();
    let reference = Outcome::of(ferry(folder.path(), &["config", "reference"])).await;
    let settings = settings(&reference.standard_output);
    let in_folders = FOLDERS.iter().flat_map(|folder| {
        fs::read_dir(path(folder)).unwrap().map(move |file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            format!("{folder}/{name}")
        })
    });
    let mut seen = BTreeSet::new();
    for name in in_folders.chain(FILES.map(str::to_owned)) {
        for variable in variables(&text(&name)) {
            assert!(settings.contains(variable), "{name}: {variable}");
            seen.insert(variable.to_owned());
        }
    }
    assert!(seen.contains("FERRY_LEDGER__URL"), "{seen:?}");
    assert!(seen.contains("FERRY_HEALTH__LISTEN"), "{seen:?}");
}

#[tokio::test]
async fn setting_up_makes_a_key_ring_and_an_export_once() {
    let folder = tempfile::tempdir().unwrap();
    set_up(folder.path());
    let made = contents(folder.path());
    assert_eq!(
        made.keys().map(String::as_str).collect::<Vec<_>>(),
        ["keys", "sessions.csv"]
    );
    KeyRing::parse(&made["keys"]).expect("a key ring");
    assert!(made["sessions.csv"].lines().count() > 5000);
    set_up(folder.path());
    assert_eq!(contents(folder.path()), made);
}

/// What the service `setup` of the compose file does, in this folder.
fn set_up(folder: &Path) {
    let service = &compose::file()["services"]["setup"];
    let shell = strings(&service["entrypoint"]);
    let script = strings(&service["command"]).concat();
    let programs = Path::new(FERRY).parent().unwrap().display();
    let done = Command::new(shell[0])
        .args(&shell[1..])
        .arg(script)
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
            let name = file.file_name().into_string().unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
            (name, fs::read_to_string(file.path()).unwrap())
        })
        .collect()
}

/// Every command line that starts Ferry, without the program.
fn command_lines() -> Vec<Vec<String>> {
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let services = compose::file()["services"].clone();
    let mut lines: Vec<_> = ["sim", "enqueue", "worker", "serve"]
        .map(|name| owned(strings(&services[name]["command"])))
        .into();
    for name in ["workers.yaml", "enqueue.yaml"] {
        let manifest = kubernetes::manifest(name);
        lines.push(owned(strings(&kubernetes::container(&manifest)["args"])));
    }
    for name in systemd::UNITS {
        let start = systemd::setting(name, "ExecStart");
        lines.push(owned(start.split_whitespace().skip(1).collect()));
    }
    lines
}

#[tokio::test]
async fn every_command_that_is_started_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    for line in command_lines() {
        // Asked for help at its end, a command line is read as far as that, and nothing is done.
        let line: Vec<&str> = line.iter().map(String::as_str).chain(["--help"]).collect();
        let outcome = Outcome::of(ferry(folder.path(), &line)).await;
        assert_eq!(
            outcome.code,
            Some(0),
            "{line:?}: {}",
            outcome.standard_error
        );
        let command = ["sim", "enqueue", "work", "serve"]
            .into_iter()
            .find(|command| line.contains(command));
        let usage = format!("Usage: ferry {}", command.expect("a command"));
        assert!(
            outcome.standard_output.contains(&usage),
            "{line:?}: {}",
            outcome.standard_output
        );
    }
}
