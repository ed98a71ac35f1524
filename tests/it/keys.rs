//! `ferry keys generate`, and the files that give a key ring.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ferry_ledger::seal::KeyRing;
use ferry_sim::{Faults, Population};

use crate::support::{Crossing, Outcome, ferry};

#[tokio::test(flavor = "multi_thread")]
async fn each_ring_is_fresh_and_readable_by_ferry() {
    let folder = tempfile::tempdir().unwrap();
    let generate = async || {
        let outcome = Outcome::of(ferry(folder.path(), &["keys", "generate"])).await;
        outcome.assert_says(0, &[]);
        assert_eq!(outcome.standard_error, "", "nothing on a terminal");
        KeyRing::parse(&outcome.standard_output).expect("a ring");
        outcome.standard_output
    };
    assert_ne!(generate().await, generate().await);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_in_a_file_is_for_its_owner_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("ring");
    let generate = ["keys", "generate", "--out", "ring"];
    let written = Outcome::of(ferry(folder.path(), &generate)).await;
    written.assert_says(0, &["wrote ring (mode 0600)", "back it up"]);
    assert_eq!(written.standard_output, "");
    let ring = fs::read_to_string(&keys).unwrap();
    KeyRing::parse(&ring).expect("a ring");
    let mode = fs::metadata(&keys).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let refused = Outcome::of(ferry(folder.path(), &generate)).await;
    refused.assert_says(2, &["ring exists, and is not overwritten"]);
    assert_eq!(fs::read_to_string(&keys).unwrap(), ring);
    let nowhere = ["keys", "generate", "--out", "no/where"];
    let refused = Outcome::of(ferry(folder.path(), &nowhere)).await;
    refused.assert_says(1, &["no/where cannot be written"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_settings_name_opens_the_ledger_unless_others_may_read_it() {
    let crossing = Crossing::new(Population::new(10, 210), Faults::default()).await;
    crossing
        .outcome(crossing.run_command())
        .await
        .assert_says(0, &[]);
    let mounted = crossing.folder.path().join("mounted");
    fs::rename(crossing.data().join("keys"), &mounted).unwrap();
    crossing
        .ferry(&["runs"])
        .await
        .assert_says(2, &["ferry-data/keys is missing"]);
    let with_file = |file: &str| {
        let mut command = crossing.command(&["runs"]);
        command.env("FERRY_DATA__KEYS_FILE", file);
        command
    };
    let listed = crossing.outcome(with_file("mounted")).await;
    listed.assert_says(0, &[]);
    let mut both = with_file("mounted");
    both.env("FERRY_DATA__KEYS", "seal k1 canary");
    let refused = crossing.outcome(both).await;
    refused.assert_says(2, &["data.keys and data.keys_file are both set"]);
    let refused = crossing.outcome(with_file("elsewhere")).await;
    refused.assert_says(2, &["data.keys_file elsewhere"]);
    fs::set_permissions(&mounted, PermissionsExt::from_mode(0o644)).unwrap();
    let refused = crossing.outcome(with_file("mounted")).await;
    refused.assert_says(2, &["data.keys_file mounted", "others may read it"]);
    fs::set_permissions(&mounted, PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(&mounted, "seal k1 canary\n").unwrap();
    let refused = crossing.outcome(with_file("mounted")).await;
    refused.assert_says(2, &["data.keys_file mounted: key ring, line 1"]);
    assert!(!refused.standard_error.contains("canary"));
}
