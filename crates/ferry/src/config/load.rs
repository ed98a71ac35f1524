//! From files, environment and flags to the settings in force.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};

use super::env_file::{EnvFile, Environment, setting_path};
use super::{Config, Rate};
use crate::exit::{Coded, Exit};

/// What the command line sets.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) config: Option<PathBuf>,
    pub(crate) env: Option<Environment>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) rate: Option<Rate>,
    pub(crate) concurrency: Option<u32>,
}

/// The settings in force, and where each comes from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) env: Option<Environment>,
    pub(super) sources: Figment,
}

/// Read if it is there and `--config` names no other.
const DEFAULT_FILE: &str = "ferry.toml";

/// Not in a file that is shown to others and kept in a repository.
const SECRETS: [&str; 4] = ["stytch.secret", "data.keys", "ledger.url", "queue.url"];

/// Puts together, the later over the earlier: defaults, `ferry.toml`, the env file, the
/// environment, flags.
pub(crate) fn load(overrides: &Overrides) -> Result<Loaded> {
    let file = overrides.config.as_deref();
    if let Some(missing) = file.filter(|file| !file.is_file()) {
        return Err(anyhow!("{} is not a file", missing.display()).context(Coded(Exit::Usage)));
    }
    let file = file.unwrap_or(Path::new(DEFAULT_FILE));
    let mut sources = Figment::from(Serialized::defaults(Config::default()));
    if file.is_file() {
        check_file(file).context(Coded(Exit::Usage))?;
        sources = sources.merge(Toml::file_exact(file));
    }
    if let Some(env) = overrides.env {
        sources = sources.merge(EnvFile::read(Path::new(env.file())).context(Coded(Exit::Usage))?);
    }
    sources = sources.merge(environment());
    sources = merge_flags(sources, overrides);
    let config: Config = sources
        .extract()
        .map_err(|error| anyhow!(explain(&error)).context(Coded(Exit::Usage)))?;
    let loaded = Loaded {
        config,
        env: overrides.env,
        sources,
    };
    loaded.check().context(Coded(Exit::Usage))?;
    Ok(loaded)
}

/// That it is TOML, and holds no secret, whatever stands over it.
fn check_file(path: &Path) -> Result<()> {
    let file = Figment::from(Toml::file_exact(path));
    let name = path.display();
    if let Err(error) = file.extract::<figment::value::Dict>() {
        let error = error.to_string();
        // The parser shows the line, which may hold a secret: its place is enough.
        let place = error.lines().next().unwrap_or_default();
        anyhow::bail!("{name}: {place}: mend it there (texts stand in double quotes)");
    }
    for secret in SECRETS {
        if file.contains(secret) {
            anyhow::bail!(
                "{secret} must not stand in {name}: move it to .env.test or .env.live (mode 0600), or to the environment"
            );
        }
    }
    Ok(())
}

fn environment() -> Env {
    Env::raw()
        .filter(|variable| setting_path(variable.as_str()).is_some())
        .map(|variable| {
            setting_path(variable.as_str())
                .expect("filtered before")
                .join(".")
                .into()
        })
        .split(".")
}

fn merge_flags(sources: Figment, overrides: &Overrides) -> Figment {
    let mut sources = sources;
    if let Some(data) = &overrides.data {
        sources = sources.merge(("data.folder", data));
    }
    if let Some(rate) = overrides.rate {
        sources = sources.merge(("rates.stytch", rate));
    }
    if let Some(concurrency) = overrides.concurrency {
        sources = sources.merge(("worker.concurrency", concurrency));
    }
    sources
}

/// The first error, with its place; a name that is nearly right is suggested.
fn explain(error: &figment::Error) -> String {
    let place = error.path.join(".");
    let origin = error
        .metadata
        .as_ref()
        .map(|metadata| format!(" (from {})", super::show::origin(metadata)))
        .unwrap_or_default();
    match &error.kind {
        Kind::UnknownField(name, known) => {
            let nearest = known
                .iter()
                .max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)))
                .filter(|nearest| strsim::jaro(nearest, name) > 0.7)
                .map(|nearest| format!("; did you mean {nearest:?}?"))
                .unwrap_or_default();
            let section = error
                .path
                .split_last()
                .map_or(&[][..], |(_, section)| section);
            match section.join(".").as_str() {
                "" => format!("unknown section [{name}]{origin}{nearest}"),
                section => format!("unknown setting {name:?} in [{section}]{origin}{nearest}"),
            }
        }
        // What was given may be a secret in the wrong place: say the place only.
        Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) => {
            format!("{place}{origin}: want {}", in_plain_words(wanted))
        }
        Kind::UnknownVariant(_, known) => {
            format!("{place}{origin}: want {}", known.join(" or "))
        }
        kind => format!("{place}{origin}: {kind}"),
    }
}

/// Rust's types in the operator's words.
fn in_plain_words(wanted: &str) -> &str {
    match wanted {
        "u32" | "u64" => "a whole number, not below 0",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text, in double quotes",
        "a sequence" => "a list",
        wanted if wanted.starts_with("struct ") => "a section of settings",
        wanted => wanted,
    }
}

impl Loaded {
    /// The defaults, whatever file and environment say.
    pub(crate) fn defaults() -> Self {
        let sources = Figment::from(Serialized::defaults(Config::default()));
        Self {
            config: Config::default(),
            env: None,
            sources,
        }
    }

    /// What no type can say.
    fn check(&self) -> Result<()> {
        let config = &self.config;
        range("worker.concurrency", config.worker.concurrency, 1..=1024)?;
        range("retry.max_attempts", config.retry.max_attempts, 1..=100)?;
        range(
            "retry.max_unknown_outcomes",
            config.retry.max_unknown_outcomes,
            1..=1000,
        )?;
        range("ledger.connections", config.ledger.connections, 2..=64)?;
        range(
            "sessions.cap_minutes",
            config.sessions.cap_minutes,
            5..=527_040,
        )?;
        let call_seconds = config.stytch.call_timeout.get().as_secs_f64();
        if !(1.0..=60.0).contains(&call_seconds) {
            anyhow::bail!(
                "stytch.call_timeout is {}: give 1s to 60s",
                config.stytch.call_timeout
            );
        }
        if config.worker.lease.get() < config.stytch.call_timeout.get() * 2 {
            anyhow::bail!(
                "worker.lease ({}) must be at least twice stytch.call_timeout ({})",
                config.worker.lease,
                config.stytch.call_timeout
            );
        }
        if config.worker.quiet.get() < config.stytch.call_timeout.get() {
            anyhow::bail!(
                "worker.quiet ({}) must be at least stytch.call_timeout ({}): before that, the call may still be under way",
                config.worker.quiet,
                config.stytch.call_timeout
            );
        }
        config.legacy.probed()?;
        config.rates.in_force()?;
        if let Some(claim) = config.export.columns.reserved_claim() {
            anyhow::bail!(
                "export.columns.custom_claims: the claim {claim:?} is reserved; give it another name"
            );
        }
        Ok(())
    }
}

pub(super) fn range(name: &str, value: u32, allowed: std::ops::RangeInclusive<u32>) -> Result<()> {
    if allowed.contains(&value) {
        Ok(())
    } else {
        anyhow::bail!(
            "{name} is {value}: give {} to {}",
            allowed.start(),
            allowed.end()
        )
    }
}
