//! Exports fit the people, and their books are exact.

use ferry_sim::export::{self, ExportOptions, Format, OrganizationColumn, Summary};
use ferry_sim::{Condition, Population};
use serde_json::json;

use crate::client::{Sim, start};

const SESSIONS: u64 = 2_000;

fn realistic() -> Population {
    Population {
        expired: 0.1,
        revoked: 0.05,
        malformed: 0.05,
        ..Population::realistic(SESSIONS, 7)
    }
}

fn written(population: &Population, options: &ExportOptions) -> (String, Summary) {
    let mut export = Vec::new();
    let summary = export::write(population, &mut export, options).expect("memory takes it");
    (String::from_utf8(export).expect("text"), summary)
}

fn options() -> ExportOptions {
    let now = "2026-06-01T12:00:00Z".parse().expect("a time");
    ExportOptions::new("http://127.0.0.1:9999/oidc", now)
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let other = Population {
        seed: 8,
        ..realistic()
    };
    let (first, _) = written(&realistic(), &options());
    assert_eq!(first, written(&realistic(), &options()).0);
    assert_ne!(first, written(&other, &options()).0);
}

#[test]
fn the_summary_counts_every_row_once() {
    let population = realistic();
    for format in [Format::Csv, Format::Ndjson] {
        let (export, summary) = written(
            &population,
            &ExportOptions {
                format,
                ..options()
            },
        );
        let header = u64::from(format == Format::Csv);
        let lines = u64::try_from(export.lines().count()).expect("few");
        assert_eq!(summary.rows, lines - header);
        assert_eq!(summary.sessions, SESSIONS);
        assert_eq!(summary.rows - summary.duplicates, SESSIONS);
        let sum = summary.migratable
            + summary.expired
            + summary.revoked
            + summary.member_missing
            + summary.malformed();
        assert_eq!(sum, SESSIONS);
        for (name, count) in [
            ("expired", summary.expired),
            ("revoked", summary.revoked),
            ("member_missing", summary.member_missing),
            ("ragged", summary.ragged),
            ("missing_token", summary.missing_token),
            ("bad_date", summary.bad_date),
            ("duplicates", summary.duplicates),
        ] {
            assert!(count > 0, "{name} does not occur");
        }
    }
}

#[test]
fn a_plain_population_writes_nothing_but_migratable_rows() {
    let (export, summary) = written(&Population::new(100, 1), &options());
    let expected = Summary {
        rows: 100,
        sessions: 100,
        migratable: 100,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    assert_eq!(
        export.lines().next(),
        Some(export::COLUMNS.join(",").as_str())
    );
    assert!(
        export
            .lines()
            .all(|line| line.split(',').count() == export::COLUMNS.len())
    );
}

#[test]
fn malformed_rows_are_malformed_in_the_way_that_is_counted() {
    let population = Population {
        malformed: 0.2,
        ..Population::new(500, 3)
    };
    let (export, summary) = written(&population, &options());
    let rows: Vec<Vec<&str>> = export
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect();
    let count = |is: &dyn Fn(&[&str]) -> bool| {
        u64::try_from(rows.iter().filter(|row| is(row.as_slice())).count()).expect("few")
    };
    assert_eq!(count(&|row| row.len() < 9), summary.ragged);
    assert_eq!(count(&|row| row[0].is_empty()), summary.missing_token);
    let is_bad = |row: &[&str]| row.len() == 9 && row[5].parse::<jiff::Timestamp>().is_err();
    assert_eq!(count(&is_bad), summary.bad_date);
}

#[test]
fn ndjson_holds_what_csv_holds() {
    let population = Population::new(50, 3);
    let (csv, _) = written(&population, &options());
    let (ndjson, _) = written(
        &population,
        &ExportOptions {
            format: Format::Ndjson,
            ..options()
        },
    );
    for (row, line) in csv.lines().skip(1).zip(ndjson.lines()) {
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for (column, value) in export::COLUMNS.iter().zip(row.split(',')) {
            assert_eq!(object[column], value);
        }
    }
}

#[test]
fn organizations_go_by_the_name_that_is_asked_for_and_refresh_tokens_come_last() {
    let population = Population::new(5, 3);
    let organization = population.organization(0);
    for (column, name) in [
        (OrganizationColumn::Slug, organization.slug),
        (OrganizationColumn::ExternalId, organization.external_id),
        (
            OrganizationColumn::OrganizationId,
            organization.organization_id,
        ),
    ] {
        let options = ExportOptions {
            organization: column,
            refresh_tokens: true,
            ..options()
        };
        let (export, _) = written(&population, &options);
        let rows: Vec<Vec<&str>> = export
            .lines()
            .map(|line| line.split(',').collect())
            .collect();
        assert_eq!(rows[1][1], name);
        assert_eq!(rows[0][9], "refresh_token");
        assert_eq!(rows[1][9], population.refresh_token(0, 0));
    }
}

#[test]
fn people_are_spread_over_organizations_and_devices() {
    let population = Population::realistic(5_000, 7);
    assert!(population.people() < population.sessions);
    let mut sizes = vec![0_u32; 8];
    for number in 0..population.people() {
        sizes[usize::try_from(population.person(number).organization).expect("small")] += 1;
    }
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
}

/// Migrates one row as it stands in the export; what Stytch says.
async fn outcome(sim: &Sim, row: &[&str]) -> String {
    let body = json!({
        "session_token": row[0], "organization_id": row[1], "session_duration_minutes": 60,
    });
    let reply = sim.post("/v1/b2b/sessions/migrate", body).await;
    if reply.status == 200 {
        "ok".to_owned()
    } else {
        reply.error_type()
    }
}

#[tokio::test]
async fn every_row_meets_the_fate_that_the_summary_tells() {
    let population = Population {
        sessions: 300,
        member_missing: 0.1,
        ..realistic()
    };
    let sim = start(|options| {
        options.fast = true;
        options.population = population.clone();
    })
    .await;
    let (export, summary) = written(&population, &sim.simulator.export_options());
    let mut tally = std::collections::BTreeMap::<String, u64>::new();
    for line in export.lines().skip(1) {
        let row: Vec<&str> = line.split(',').collect();
        let number = population
            .session_number(row[2])
            .expect("the id is whole in every row");
        let condition = population.condition(number);
        if condition == Condition::Ragged || condition == Condition::MissingToken {
            continue;
        }
        *tally.entry(outcome(&sim, &row).await).or_default() += 1;
    }
    let audit = sim.simulator.audit();
    let refused = tally
        .get("migrate_from_external_unexpected_response")
        .copied()
        .unwrap_or(0);
    assert!(
        refused >= summary.expired + summary.revoked,
        "{tally:?} {summary:?}"
    );
    assert_eq!(audit.calls_of("userinfo", "unknown_token"), 0);
    assert!(audit.legacy_sessions >= summary.migratable);
    assert_eq!(audit.sessions.minted, tally["ok"]);
    assert_eq!(
        audit.sessions.minted - audit.legacy_sessions,
        audit.extra_alive
    );
}
