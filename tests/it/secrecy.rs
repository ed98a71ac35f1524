//! No token leaves its sealed place.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ferry_sim::{Faults, Population};
use memchr::memmem;

use crate::support::{Crossing, Outcome};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_nowhere_but_sealed_even_at_trace_level_with_faults() {
    let faults = Faults {
        html_ok: 0.02,
        no_session_token: 0.02,
        cut_in_reply: 0.02,
        wrong_identity: 0.02,
        ..Faults::realistic(30)
    };
    let crossing = Crossing::new(Population::realistic(400, 30), faults).await;
    let mut command = crossing.run_command();
    command
        .env("RUST_LOG", "trace")
        .env("TMPDIR", crossing.folder.path().join("tmp"));
    fs::create_dir(crossing.folder.path().join("tmp")).unwrap();
    let outcome = Outcome::of(command).await;
    assert!(
        outcome.books().migrated > 200,
        "{}",
        outcome.standard_output
    );
    assert!(
        outcome.standard_error.contains("TRACE"),
        "the log is at its finest"
    );

    let canaries = canaries(&crossing);
    assert!(canaries.len() > 30);
    let search = |place: &str, bytes: &[u8]| {
        for canary in &canaries {
            assert!(
                memmem::find(bytes, canary).is_none(),
                "a secret is in {place}"
            );
        }
    };
    search("standard output", outcome.standard_output.as_bytes());
    search("standard error", outcome.standard_error.as_bytes());
    let mut files = 0;
    for file in files_below(crossing.folder.path()) {
        if file != crossing.export() {
            search(&file.display().to_string(), &fs::read(&file).unwrap());
            files += 1;
        }
    }
    assert!(
        files >= 4,
        "ledger, key ring, lock and rejects are searched"
    );
}

#[test]
fn the_search_finds_a_secret_in_every_encoding() {
    let secret = "a-legacy-token-of-alice-0123456789";
    for found in [
        secret.to_owned(),
        format!("x{}", URL_SAFE_NO_PAD.encode(format!("?{secret}"))),
        hex::encode(secret),
        format!("{:?}", secret.as_bytes()),
    ] {
        let found = found.as_bytes();
        assert!(
            encodings(secret)
                .iter()
                .any(|e| memmem::find(found, e).is_some())
        );
    }
}

/// Distinctive parts of tokens and of the project's secret, in every encoding.
fn canaries(crossing: &Crossing) -> Vec<Vec<u8>> {
    let export = fs::read_to_string(crossing.export()).unwrap();
    let tokens = export
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next());
    // The last part of a token is its signature: nothing but the token holds it.
    let legacy = tokens
        .filter(|token| token.len() > 60)
        .step_by(11)
        .map(|token| &token[token.len() - 40..]);
    legacy
        .chain([crossing.simulator.credentials().secret.as_str()])
        .flat_map(encodings)
        .collect()
}

/// As text, hexadecimal, decimal bytes, and base64 at each of its three alignments.
pub(crate) fn encodings(secret: &str) -> Vec<Vec<u8>> {
    let decimal = format!("{:?}", secret.as_bytes());
    let mut encodings = vec![
        secret.to_owned(),
        hex::encode(secret),
        hex::encode_upper(secret),
        decimal.trim_matches(['[', ']']).to_owned(),
        decimal.trim_matches(['[', ']']).replace(' ', ""),
    ];
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for shift in 0..3 {
            let encoded = engine.encode(format!("{}{secret}", "\0".repeat(shift)));
            // What the neighbours on both sides have no part in.
            encodings.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    encodings.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    // A server that runs takes folders away.
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
