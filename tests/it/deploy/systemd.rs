//! `deploy/systemd/`, by systemd's own tool, which needs no service manager that runs.

use std::fs;
use std::process::Command;

use super::{FERRY, text};

pub(super) const UNITS: [&str; 2] = ["ferry-work@.service", "ferry-enqueue@.service"];
/// In tenths; systemd calls up to 20 "OK", and no restriction at all is 100.
const MOST_EXPOSED_TENTHS: u32 = 15;

fn unit(name: &str) -> String {
    text(&format!("deploy/systemd/{name}"))
}

/// The value of a unit's setting.
pub(super) fn setting(name: &str, setting: &str) -> String {
    unit(name)
        .lines()
        .find_map(|line| line.strip_prefix(setting)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("{name} has no {setting}"))
        .to_owned()
}

/// What `systemd-analyze` says of a unit with this text, and whether it is content.
fn analyze(arguments: &[&str], name: &str, unit: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let instance = name.replace('@', "@1");
    let unit = unit.replace("/usr/local/bin/ferry", FERRY);
    fs::write(folder.path().join(name), &unit).unwrap();
    fs::write(folder.path().join(&instance), &unit).unwrap();
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(format!("./{instance}"))
        .current_dir(folder.path())
        .output()
        .expect("systemd-analyze is not here: apt-get install systemd");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Of this unit: what else the machine has is not ours to judge.
fn complaints(name: &str, unit: &str) -> Vec<String> {
    let verify = ["verify", "--man=no", "--recursive-errors=no"];
    let (content, said) = analyze(&verify, name, unit);
    let (stem, _) = name.split_once('@').unwrap();
    let mut complaints: Vec<String> = said
        .lines()
        .filter(|line| line.contains(stem))
        .map(str::to_owned)
        .collect();
    if !content && complaints.is_empty() {
        complaints.push(said);
    }
    complaints
}

#[test]
fn systemd_understands_every_line_of_every_unit() {
    for name in UNITS {
        assert_eq!(
            complaints(name, &unit(name)),
            Vec::<String>::new(),
            "{name}"
        );
    }
}

#[test]
fn a_misspelt_line_of_a_unit_is_found() {
    for (right, wrong) in [
        ("NoNewPrivileges=yes", "NoNewPrivilegs=yes"),
        ("TimeoutStopSec=30", "TimeoutStopSec=soon"),
        ("@system-service", "@sistem-service"),
        ("LoadCredential=.env.live", "LoadCredential=../env"),
        ("/usr/local/bin/ferry", "/usr/local/bin/fery"),
    ] {
        for name in UNITS {
            let before = unit(name);
            let after = before.replace(right, wrong);
            assert_ne!(before, after, "{name} has no {right}");
            assert!(!complaints(name, &after).is_empty(), "{name}: {wrong}");
        }
    }
}

#[test]
fn the_services_are_confined() {
    let threshold = format!("--threshold={MOST_EXPOSED_TENTHS}");
    let security = ["security", "--offline=true", "--no-pager", &threshold];
    for name in UNITS {
        let (content, said) = analyze(&security, name, &unit(name));
        assert!(content, "{name}: {said}");
    }
    let unconfined = "[Service]\nExecStart=/usr/local/bin/ferry work\n";
    let (content, said) = analyze(&security, UNITS[0], unconfined);
    assert!(!content, "{said}");
}
