//! `deploy/kubernetes/`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::{faults, path, schema, strings, text, yaml};
use crate::support::{Outcome, ferry};

const FOLDER: &str = "deploy/kubernetes";
/// The one file that is not for the cluster but for `kubectl`.
const KUSTOMIZATION: &str = "kustomization.yaml";
/// Created for each export anew, so not among what is applied.
const JOB: &str = "enqueue.yaml";

fn manifest_text(name: &str) -> String {
    text(&format!("{FOLDER}/{name}"))
}

pub(super) fn manifest(name: &str) -> Value {
    yaml(&manifest_text(name))
}

fn names() -> BTreeSet<String> {
    fs::read_dir(path(FOLDER))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != KUSTOMIZATION)
        .collect()
}

/// What a Deployment or a Job starts.
pub(super) fn pod(manifest: &Value) -> &Value {
    &manifest["spec"]["template"]["spec"]
}

/// The only one of its pod.
pub(super) fn container(manifest: &Value) -> &Value {
    &pod(manifest)["containers"][0]
}

/// Where and how a manifest breaks the schema of its kind.
fn manifest_faults(manifest: &Value) -> Vec<String> {
    let mut schema = schema("kubernetes-v1.34.json");
    let kind = schema["definitions"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, definition)| definition["properties"]["kind"]["const"] == manifest["kind"])
        .map(|(name, _)| name.clone());
    let Some(kind) = kind else {
        return vec![format!("no schema for the kind {}", manifest["kind"])];
    };
    schema["allOf"] = json!([{ "$ref": format!("#/definitions/{kind}") }]);
    faults(&schema, manifest)
}

#[test]
fn every_manifest_fits_the_schema_of_its_kind() {
    for name in names() {
        let faults = manifest_faults(&manifest(&name));
        assert!(faults.is_empty(), "{name}: {faults:#?}");
    }
}

#[test]
fn a_misspelt_or_wrong_field_is_refused() {
    for (name, right, wrong, fault) in [
        (
            "workers.yaml",
            "readOnlyRootFilesystem",
            "readOnlyRootFileSystem",
            "readOnlyRootFileSystem",
        ),
        (
            "workers.yaml",
            "replicas: 2",
            "replicas: two",
            "/spec/replicas",
        ),
        ("workers.yaml", "  selector:", "  finder:", "selector"),
        (
            "enqueue.yaml",
            "backoffLimit",
            "backOffLimit",
            "backOffLimit",
        ),
        ("enqueue.yaml", "batch/v1", "batch/v1beta1", "/apiVersion"),
        ("disruption.yaml", "maxUnavailable", "maxAway", "maxAway"),
        (
            "configuration.yaml",
            "kind: ConfigMap",
            "kind: Config",
            "no schema",
        ),
    ] {
        let before = manifest_text(name);
        let after = before.replace(right, wrong);
        assert_ne!(before, after, "{name} has no {right}");
        let faults = manifest_faults(&yaml(&after));
        assert!(
            faults.iter().any(|text| text.contains(fault)),
            "{wrong}: {faults:?}"
        );
    }
}

#[test]
fn all_is_applied_but_the_job_of_an_export() {
    let kustomization = manifest(KUSTOMIZATION);
    let mut listed: BTreeSet<String> = strings(&kustomization["resources"])
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert!(
        listed.insert(JOB.to_owned()),
        "{JOB} cannot be applied twice"
    );
    assert_eq!(listed, names());
}

#[test]
fn the_selectors_find_the_workers() {
    let workers = manifest("workers.yaml");
    let labels = &workers["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&workers["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(
        &manifest("disruption.yaml")["spec"]["selector"]["matchLabels"],
        labels
    );
}

#[test]
fn prometheus_is_told_where_a_worker_answers() {
    let workers = manifest("workers.yaml");
    let annotations = &workers["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/scrape"], "true");
    assert_eq!(annotations["prometheus.io/path"], "/metrics");
    let port = &container(&workers)["ports"][0]["containerPort"];
    assert_eq!(annotations["prometheus.io/port"], port.to_string());
}

#[test]
fn what_is_mounted_and_probed_is_there() {
    for name in ["workers.yaml", JOB] {
        let manifest = manifest(name);
        let container = container(&manifest);
        let named = |list: &Value| -> BTreeSet<String> {
            let list = list.as_array().into_iter().flatten();
            list.map(|item| item["name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            named(&container["volumeMounts"]),
            named(&pod(&manifest)["volumes"]),
            "{name}"
        );
        for probe in ["readinessProbe", "livenessProbe"] {
            if let Some(port) = container[probe]["httpGet"]["port"].as_str() {
                assert!(named(&container["ports"]).contains(port), "{name}: {port}");
            }
        }
    }
}

/// The Pod Security Standards of Kubernetes, profile "restricted".
#[test]
fn pods_meet_the_restricted_security_standard() {
    for name in ["workers.yaml", JOB] {
        let manifest = manifest(name);
        let pod = pod(&manifest);
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{name}");
        assert_ne!(security["runAsUser"], 0, "{name}");
        assert_eq!(
            security["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        for host in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod[host].is_null(), "{name}: {host}");
        }
        for volume in pod["volumes"].as_array().unwrap() {
            assert!(volume["hostPath"].is_null(), "{name}: {volume}");
        }
        for container in pod["containers"].as_array().unwrap() {
            let security = &container["securityContext"];
            assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(
                security["capabilities"],
                json!({ "drop": ["ALL"] }),
                "{name}"
            );
        }
    }
}

/// Kubernetes tells a pod of each Service in variables of the Service's name: `FERRY_PORT` for one
/// named `ferry`, which would be refused as an unknown setting.
#[test]
fn no_service_of_the_cluster_can_look_like_a_setting() {
    for name in ["workers.yaml", JOB] {
        assert_eq!(pod(&manifest(name))["enableServiceLinks"], false, "{name}");
    }
}

#[tokio::test]
async fn the_configuration_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = manifest("configuration.yaml");
    let settings = configuration["data"]["ferry.toml"].as_str().unwrap();
    fs::write(folder.path().join("ferry.toml"), settings).unwrap();
    let shown = Outcome::of(ferry(folder.path(), &["config", "show"])).await;
    shown.assert_says(0, &[]);
    let from_file = shown
        .standard_output
        .lines()
        .filter(|line| line.ends_with("# ferry.toml"))
        .count();
    assert_eq!(from_file, 2, "{}", shown.standard_output);
}
