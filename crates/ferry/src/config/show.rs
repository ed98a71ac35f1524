//! `ferry config show`: the values in force, each with its origin.

use std::fmt::Write;

use anyhow::Result;
use figment::Metadata;
use serde_json::Value;

use super::load::Loaded;

/// One line a setting: name, value, origin. Secrets are hidden. Then the rates that they come to.
pub(crate) fn show(loaded: &Loaded) -> Result<String> {
    let mut text = String::new();
    let mut lines = Vec::new();
    flatten("", &serde_json::to_value(&loaded.config)?, &mut lines);
    for (name, value) in lines {
        let origin = loaded
            .sources
            .find_metadata(&name)
            .map_or_else(|| "default".into(), origin);
        let setting = format!("{name} = {value}");
        writeln!(text, "{setting:<56} # {origin}")?;
    }
    text.push_str("\n# The rates in force:\n");
    for (name, rate, origin) in loaded.config.rates.explained()? {
        writeln!(text, "#   {name:<10} {rate:<27} {origin}")?;
    }
    Ok(text)
}

fn flatten(prefix: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if prefix.is_empty() { "" } else { "." };
                flatten(&format!("{prefix}{dot}{name}"), value, lines);
            }
        }
        leaf => lines.push((prefix.to_owned(), leaf.to_string())),
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
