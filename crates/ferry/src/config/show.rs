//! `ferry config show`: the values in force, each with its origin.

use std::fmt::Write;

use anyhow::Result;
use figment::Metadata;
use serde::Serialize;
use serde_json::Value;

use super::load::Loaded;

/// What is in force; its JSON form is documented in docs/json.md.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    settings: Vec<Setting>,
    rates: Vec<RateInForce>,
}

#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    value: Value,
    origin: String,
}

#[derive(Debug, Serialize)]
struct RateInForce {
    name: &'static str,
    rate: String,
    origin: String,
}

/// One line a setting: name, value, origin. Secrets are hidden. Then the rates that they come to.
pub(crate) fn show(loaded: &Loaded) -> Result<String> {
    let shown = shown(loaded)?;
    let mut text = String::new();
    for Setting {
        name,
        value,
        origin,
    } in shown.settings
    {
        let setting = format!("{name} = {value}");
        writeln!(text, "{setting:<56} # {origin}")?;
    }
    text.push_str("\n# The rates in force:\n");
    for RateInForce { name, rate, origin } in shown.rates {
        writeln!(text, "#   {name:<10} {rate:<27} {origin}")?;
    }
    Ok(text)
}

/// Each setting with its origin, secrets hidden, and the rates that they come to.
pub(crate) fn shown(loaded: &Loaded) -> Result<Shown> {
    let mut values = Vec::new();
    flatten("", &serde_json::to_value(&loaded.config)?, &mut values);
    let setting = |(name, value): (String, Value)| {
        let origin = loaded.sources.find_metadata(&name);
        Setting {
            origin: origin.map_or_else(|| "default".into(), self::origin),
            name,
            value,
        }
    };
    let rates = loaded.config.rates.explained()?;
    let rates = rates.map(|(name, rate, origin)| RateInForce { name, rate, origin });
    Ok(Shown {
        settings: values.into_iter().map(setting).collect(),
        rates: rates.into(),
    })
}

fn flatten(prefix: &str, value: &Value, lines: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{name}"), value, lines);
            }
        }
        leaf => lines.push((prefix.to_owned(), leaf.clone())),
    }
}

/// Where a value comes from, in the operator's words.
pub(super) fn origin(metadata: &Metadata) -> String {
    match &metadata.source {
        Some(figment::Source::File(path)) => path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned(),
        Some(figment::Source::Code(_)) | None => match metadata.name.as_ref() {
            name if name.contains("environment") => "environment".to_owned(),
            name if name.starts_with(".env") => name.to_owned(),
            name if name.contains("Config") => "default".to_owned(),
            _ => "command line".to_owned(),
        },
        Some(other) => other.to_string(),
    }
}
