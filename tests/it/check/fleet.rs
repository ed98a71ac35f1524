//! The check of a fleet: PostgreSQL and RabbitMQ.

use ferry_sim::{Faults, Population};
use tokio::process::Command;

use super::{PROVIDER, assert_found, filters, shown};
use crate::support::{Fleet, Outcome};

async fn fleet(seed: u64) -> Fleet {
    Fleet::new(Population::new(20, seed), Faults::default()).await
}

fn command(fleet: &Fleet, arguments: &[&str]) -> Command {
    let mut command = fleet.command(&[&["check"], arguments].concat());
    command.env(PROVIDER.0, PROVIDER.1);
    command
}

async fn check(fleet: &Fleet) -> Outcome {
    Outcome::of(command(fleet, &["--json"])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_declared_or_migrated_before_the_first_worker() {
    let fleet = fleet(320).await;
    for _ in 0..2 {
        let told = Outcome::of(command(&fleet, &[])).await;
        told.assert_says(0, &[]);
        let told = shown(&fleet.crossing, &told).replace("PostgreSQL", "server");
        filters().bind(|| insta::assert_snapshot!("check_fleet", told));
    }
    let mut tables = fleet.tables().await;
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    .fetch_one(&mut tables)
    .await
    .unwrap();
    assert_eq!(count, 0, "tables were made");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_looked_at_and_left_as_it_is() {
    let fleet = fleet(321).await;
    fleet.enqueue().await;
    let queue = fleet.queue().await;
    let due = queue.depth().await.unwrap();
    let outcome = check(&fleet).await;
    assert_found(&outcome, 0, &[]);
    assert!(
        outcome
            .standard_output
            .contains("its schema is this version's")
    );
    assert_eq!(
        queue.depth().await.unwrap(),
        due,
        "no message is left behind"
    );
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_ledger_and_other_keys_are_told() {
    let fleet = fleet(322).await;
    fleet.enqueue().await;
    let mut strange = command(&fleet, &["--json"]);
    let keys = fleet
        .crossing
        .ferry(&["keys", "generate"])
        .await
        .standard_output;
    strange.env("FERRY_DATA__KEYS", keys.trim());
    assert_found(&Outcome::of(strange).await, 10, &["ledger_keys"]);
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'of tomorrow', true, '', 0)";
    let mut tables = fleet.tables().await;
    sqlx::query(newer).execute(&mut tables).await.unwrap();
    assert_found(&check(&fleet).await, 10, &["ledger_newer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_away_or_refuse_are_told_apart() {
    let mut fleet = fleet(323).await;
    let (ledger, queue) = (fleet.ledger_url.clone(), fleet.queue_url.clone());
    fleet.queue_url = "amqp://guest:guest@127.0.0.1:9".to_owned();
    assert_found(&check(&fleet).await, 10, &["queue_away"]);
    fleet.queue_url = queue.replacen("guest:guest", "nobody:canary", 1);
    assert_ne!(fleet.queue_url, queue);
    let refused = check(&fleet).await;
    assert_found(&refused, 10, &["queue_refused"]);
    assert!(!refused.standard_output.contains("canary"));
    fleet.queue_url = queue;
    fleet.ledger_url = "postgres://ferry:ferry@127.0.0.1:9/ferry".to_owned();
    assert_found(&check(&fleet).await, 10, &["ledger_away"]);
    let (server, _) = ledger.rsplit_once('/').unwrap();
    fleet.ledger_url = format!("{server}/no_such_database");
    assert_found(&check(&fleet).await, 10, &["ledger_refused"]);
}
