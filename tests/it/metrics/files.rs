//! Dashboards and rules as files.

use std::collections::BTreeSet;

use ferry_metrics::catalog::{Kind, instance, service};
use serde_json::Value;

use super::queries::{DASHBOARDS, alerts, dashboard, mentions, panels, text, yaml};

/// What each expression is, and where it stands.
fn all_expressions() -> Vec<(String, String)> {
    let of_panels = panels().into_iter().flat_map(|panel| {
        let place = format!("{}: {}", panel.dashboard, panel.title);
        let expressions = panel.expressions.into_iter();
        expressions.map(move |expression| (place.clone(), expression))
    });
    let of_alerts = alerts().into_iter().map(|(name, rule)| {
        let expression = rule["expr"].as_str().expect("an expression").to_owned();
        (name, expression)
    });
    of_panels.chain(of_alerts).collect()
}

#[test]
fn no_query_adds_up_what_every_process_tells() {
    // Directly under one of these, whatever is around it. `absent` gives no number.
    let allowed = ["max", "absent"];
    for (place, expression) in all_expressions() {
        for metric in service::ALL {
            for (before, _) in mentions(&expression, metric.name) {
                // Which process has read last: what follows takes its figures alone.
                if before.ends_with(" and on (instance) topk(1, ") {
                    continue;
                }
                let around = before.trim_end_matches("abs(").trim_end();
                let around = around.strip_suffix('(').expect(&place).trim_end();
                // `max by (run, state)` is `max`.
                let function = match around.strip_suffix(')') {
                    Some(by) => by.rsplit_once(" by (").expect(&place).0,
                    None => around,
                };
                let function = function.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
                assert!(
                    allowed.contains(&function.unwrap_or_default()),
                    "{place}: {expression}"
                );
            }
        }
    }
}

#[test]
fn every_counter_is_asked_for_its_growth() {
    for (place, expression) in all_expressions() {
        for metric in instance::ALL.iter().filter(|m| m.kind == Kind::Counter) {
            for (before, _) in mentions(&expression, metric.name) {
                let grows = before.ends_with("rate(") || before.ends_with("increase(");
                assert!(grows, "{place}: {expression}");
            }
        }
    }
}

#[test]
fn every_metric_that_is_asked_for_exists_and_every_one_that_exists_is_shown() {
    let mut known = BTreeSet::new();
    for metric in service::ALL.iter().chain(instance::ALL) {
        if let Kind::Histogram(_) = metric.kind {
            known.extend(["_bucket", "_sum", "_count"].map(|end| format!("{}{end}", metric.name)));
        } else {
            known.insert(metric.name.to_owned());
        }
    }
    let mut asked = BTreeSet::new();
    for (place, expression) in all_expressions() {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("ferry_")) {
            assert!(known.contains(word), "{place}: {word}");
            asked.insert(word.to_owned());
        }
    }
    for metric in service::ALL.iter().chain(instance::ALL) {
        let is_shown = asked.iter().any(|word| word.starts_with(metric.name));
        assert!(
            is_shown,
            "{} is on no dashboard and in no alert",
            metric.name
        );
    }
}

#[test]
fn every_panel_says_what_it_shows_in_what_unit_and_which_command_helps() {
    for panel in panels() {
        let place = format!("{}: {}", panel.dashboard, panel.title);
        let description = panel.json["description"].as_str().expect(&place);
        assert!(description.contains("Helps: "), "{place}: {description}");
        let unit = panel.json["fieldConfig"]["defaults"]["unit"].as_str();
        assert!(unit.is_some_and(|unit| !unit.is_empty()), "{place}");
        assert!(!panel.expressions.is_empty(), "{place}");
    }
}

#[test]
fn no_panel_lies_upon_another() {
    for name in DASHBOARDS {
        let board = dashboard(name);
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in board["panels"].as_array().expect("panels") {
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{name}");
            let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            assert!(place("x") + place("w") <= 24, "{name}: {}", panel["title"]);
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{name}: {}", panel["title"]);
                }
            }
        }
        assert_eq!(board["uid"], format!("ferry-{name}"));
    }
}

#[test]
fn dashboards_find_each_other_and_grafana_finds_them() {
    for name in DASHBOARDS {
        let board = dashboard(name);
        let link = board["links"][0]["url"]
            .as_str()
            .expect("a link")
            .to_owned();
        let other = link.strip_prefix("/d/ferry-").expect("a dashboard of ours");
        assert!(DASHBOARDS.contains(&other) && other != name, "{link}");
    }
    let providers = yaml("deploy/grafana/provisioning/dashboards/ferry.yml");
    let folder = providers["providers"][0]["options"]["path"].as_str();
    let mounted = format!(
        "./deploy/grafana/dashboards:{}:ro",
        folder.expect("a folder")
    );
    assert!(text("docker-compose.yml").contains(&mounted), "{mounted}");
    let sources = yaml("deploy/grafana/provisioning/datasources/prometheus.yml");
    assert_eq!(sources["datasources"][0]["url"], "http://prometheus:9090");
}

/// The names of alerts that a case of `rules_test.yml` is about, and whether each fires in it.
fn cases() -> BTreeSet<(String, bool)> {
    let tests = yaml("deploy/prometheus/rules_test.yml")["tests"].clone();
    let mut cases = BTreeSet::new();
    for test in tests.as_array().expect("tests") {
        for case in test["alert_rule_test"].as_array().expect("cases") {
            let fires = case["exp_alerts"]
                .as_array()
                .is_some_and(|alerts| !alerts.is_empty());
            let name = case["alertname"].as_str().expect("a name");
            cases.insert((name.to_owned(), fires));
        }
    }
    cases
}

#[test]
fn every_alert_tells_what_to_do_and_is_tried_both_ways() {
    let cases = cases();
    for (name, rule) in alerts() {
        for annotation in ["summary", "description", "runbook"] {
            let text = rule["annotations"][annotation].as_str();
            assert!(
                text.is_some_and(|text| text.len() > 20),
                "{name}: {annotation}"
            );
        }
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("page" | "ticket")), "{name}");
        for fires in [true, false] {
            assert!(cases.contains(&(name.clone(), fires)), "{name}: {fires}");
        }
    }
}

#[test]
fn every_command_that_a_runbook_or_a_panel_names_is_one() {
    let commands = [
        "config show",
        "pause",
        "resume",
        "run",
        "runs",
        "serve",
        "status",
        "sweep",
        "work",
    ];
    let of_panels = panels()
        .into_iter()
        .map(|panel| panel.json["description"].clone());
    let of_alerts = alerts()
        .into_iter()
        .map(|(_, rule)| rule["annotations"]["runbook"].clone());
    let mut seen = BTreeSet::new();
    for text in of_panels.chain(of_alerts) {
        let text = text.as_str().map(str::to_owned).unwrap_or_default();
        for (at, _) in text.match_indices("`ferry ") {
            let words = &text[at + "`ferry ".len()..];
            let command = commands
                .iter()
                .filter(|command| words.starts_with(**command));
            let command = command.max_by_key(|command| command.len());
            seen.insert(*command.unwrap_or_else(|| panic!("{text}")));
        }
    }
    assert!(seen.len() > 5, "{seen:?}");
}

#[test]
fn the_rules_and_the_configuration_belong_together() {
    let configuration = yaml("deploy/prometheus/prometheus.yml");
    assert_eq!(configuration["rule_files"], Value::from(vec!["rules.yml"]));
    let tests = yaml("deploy/prometheus/rules_test.yml");
    assert_eq!(tests["rule_files"], configuration["rule_files"]);
}
