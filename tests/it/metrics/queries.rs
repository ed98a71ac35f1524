//! What the dashboards and the alerts ask for.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(super) const DASHBOARDS: [&str; 2] = ["migration", "workers"];

/// A file of the repository.
pub(super) fn path(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    path.canonicalize().unwrap_or(path)
}

pub(super) fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(super) fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).expect("YAML")
}

/// A panel of a dashboard.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) dashboard: &'static str,
    pub(super) title: String,
    pub(super) json: Value,
    /// As Prometheus gets them: with Grafana's variables filled in.
    pub(super) expressions: Vec<String>,
}

pub(super) fn dashboard(name: &str) -> Value {
    let text = text(&format!("deploy/grafana/dashboards/{name}.json"));
    serde_json::from_str(&text).expect("JSON")
}

/// All that show something; rows only part them.
pub(super) fn panels() -> Vec<Panel> {
    let of = |dashboard_name: &'static str| {
        let panels = dashboard(dashboard_name)["panels"].clone();
        let panels = panels.as_array().expect("panels").clone().into_iter();
        panels
            .filter(|panel| panel["type"] != "row")
            .map(move |panel| Panel {
                dashboard: dashboard_name,
                title: panel["title"].as_str().expect("a title").to_owned(),
                expressions: expressions(&panel),
                json: panel,
            })
    };
    DASHBOARDS.into_iter().flat_map(of).collect()
}

fn expressions(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().expect("targets").iter();
    targets
        .map(|target| {
            let expression = target["expr"].as_str().expect("an expression");
            let filled = expression
                .replace("$__rate_interval", "10s")
                .replace("$run", ".*")
                .replace("$instance", ".*");
            assert!(!filled.contains('$'), "{filled}");
            filled
        })
        .collect()
}

/// An alert: its name and the rule.
pub(super) fn alerts() -> Vec<(String, Value)> {
    let rules = yaml("deploy/prometheus/rules.yml")["groups"][0]["rules"].clone();
    let rules = rules.as_array().expect("rules").clone().into_iter();
    rules
        .map(|rule| (rule["alert"].as_str().expect("an alert").to_owned(), rule))
        .collect()
}

/// Where a metric's name stands in an expression: what is before it and after it.
pub(super) fn mentions<'e>(
    expression: &'e str,
    name: &'e str,
) -> impl Iterator<Item = (&'e str, &'e str)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    expression.match_indices(name).filter_map(move |(at, _)| {
        let (before, rest) = expression.split_at(at);
        let after = &rest[name.len()..];
        (!before.ends_with(is_part) && !after.starts_with(is_part)).then_some((before, after))
    })
}
