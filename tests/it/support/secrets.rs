//! What no output may hold: the one check that every test of bad input makes.

use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;
use tokio::process::Command;

use super::{Crossing, Outcome};

/// The tokens of an export, the project's secret and the keys of a ledger.
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Of the export as it was written, and of the key ring that is in the data folder now.
    fn of(crossing: &Crossing) -> Self {
        // The last part of a token is its signature: nothing but the token holds it.
        let tokens = crossing.tokens.iter();
        let mut secrets: Vec<_> = tokens.map(|t| t[t.len() - 40..].to_owned()).collect();
        secrets.push(crossing.simulator.credentials().secret.clone());
        let keys = fs::read_to_string(crossing.data().join("keys")).unwrap_or_default();
        let long_words = keys.split_whitespace().filter(|word| word.len() > 20);
        secrets.extend(long_words.map(str::to_owned));
        Self(secrets)
    }

    fn assert_not_in(&self, place: &str, bytes: &[u8]) {
        for secret in &self.0 {
            let found = memmem::find(bytes, secret.as_bytes());
            assert!(found.is_none(), "a secret is in {place}");
        }
    }
}

impl Crossing {
    /// Runs the command to its end, and makes sure that neither its output nor a rejects file
    /// holds a secret or a raw control character.
    pub(crate) async fn outcome(&self, command: Command) -> Outcome {
        let outcome = Outcome::of(command).await;
        self.assert_tells_no_secret(&outcome);
        outcome
    }

    /// As [`Crossing::outcome`], of the binary with these arguments.
    pub(crate) async fn ferry(&self, arguments: &[&str]) -> Outcome {
        self.outcome(self.command(arguments)).await
    }

    pub(crate) fn assert_tells_no_secret(&self, outcome: &Outcome) {
        let secrets = Secrets::of(self);
        let mut told = vec![
            (
                "standard output".to_owned(),
                outcome.standard_output.clone(),
            ),
            ("standard error".to_owned(), outcome.standard_error.clone()),
        ];
        for file in rejects_files(&self.data()) {
            told.push((
                file.display().to_string(),
                fs::read_to_string(file).unwrap(),
            ));
        }
        for (place, text) in told {
            secrets.assert_not_in(&place, text.as_bytes());
            let raw = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(raw, None, "a control character is in {place}");
        }
    }
}

fn rejects_files(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data).into_iter().flatten();
    let files = files.map(|file| file.unwrap().path());
    let is_rejects = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("rejects-")
    };
    files.filter(is_rejects).collect()
}
