//! `.env.test` and `.env.live`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};

/// A Stytch environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Environment {
    /// Test projects.
    Test,
    /// Live projects.
    Live,
}

/// The settings of an env file: lines `NAME=value`, the names being those of the environment.
#[derive(Debug)]
pub(crate) struct EnvFile {
    path: PathBuf,
    settings: Vec<(String, String)>,
}

impl Environment {
    /// The file that `--env` loads.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Test => ".env.test",
            Self::Live => ".env.live",
        }
    }
}

impl EnvFile {
    /// Reads the file; a missing one is an error, for it was asked for.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let lines = dotenvy::from_path_iter(path).with_context(|| {
            format!(
                "no {} in this folder, where --env looks for it: put FERRY_STYTCH__PROJECT_ID and FERRY_STYTCH__SECRET there",
                path.display()
            )
        })?;
        let settings = lines
            .enumerate()
            // The parser's own error repeats the line, which may hold the secret.
            .map(|(index, line)| {
                line.map_err(|_| {
                    anyhow::anyhow!(
                        "{}, setting {}: want NAME=value",
                        path.display(),
                        index + 1
                    )
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            path: path.to_owned(),
            settings,
        })
    }
}

impl Provider for EnvFile {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.path.display().to_string())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let mut settings = Dict::new();
        for (name, value) in &self.settings {
            if let Some(path) = setting_path(name) {
                insert(&mut settings, &path, value);
            }
        }
        Ok(Map::from([(Profile::Default, settings)]))
    }
}

/// `FERRY_STYTCH__PROJECT_ID` is `stytch.project_id`. The vendor's own names are understood too.
/// Variables of others are passed over.
pub(super) fn setting_path(variable: &str) -> Option<Vec<String>> {
    let own = match variable {
        "STYTCH_PROJECT_ID" => "STYTCH__PROJECT_ID",
        "STYTCH_SECRET" => "STYTCH__SECRET",
        _ => variable.strip_prefix("FERRY_")?,
    };
    Some(
        own.to_ascii_lowercase()
            .split("__")
            .map(str::to_owned)
            .collect(),
    )
}

fn insert(settings: &mut Dict, path: &[String], value: &str) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        // Numbers and booleans as in the environment; an error is not possible for a text.
        let value = value.parse().unwrap_or_else(|_| value.into());
        settings.insert(name.clone(), value);
        return;
    }
    let inner = settings
        .entry(name.clone())
        .or_insert_with(|| Dict::new().into());
    if let figment::value::Value::Dict(_, inner) = inner {
        insert(inner, rest, value);
    }
}
