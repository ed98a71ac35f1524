//! Which ledgers and which keys are refused.

use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, LedgerError};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;

use crate::backends::keys;
use crate::bench::Bench;
use crate::people::{alice_active, carol_active};

on_every_backend![
    what_was_registered_is_there_when_it_is_opened_again,
    a_newer_schema_is_refused,
    a_changed_migration_is_refused,
    another_sealing_key_is_refused,
    another_lookup_key_is_refused,
    a_rotated_ring_opens_what_the_old_one_sealed,
];

/// A ring whose lines of this kind come from a strange ring, the others from ours.
fn with_strange(kind: &str) -> KeyRing {
    let strange = KeyRing::generate("k1", &mut StdRng::seed_from_u64(99));
    let (ours, strange) = (keys().to_text(), strange.to_text());
    let ours = ours.lines().filter(|line| !line.starts_with(kind));
    let strange = strange.lines().filter(|line| line.starts_with(kind));
    let lines: Vec<_> = ours.chain(strange).collect();
    KeyRing::parse(&lines.join("\n")).expect("a ring")
}

async fn open(bench: &Bench, keys: KeyRing) -> Result<Ledger, LedgerError> {
    bench.database.open(keys, bench.clock.clone()).await
}

async fn what_was_registered_is_there_when_it_is_opened_again(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    bench.ledger.close().await;
    bench.ledger = open(bench, keys()).await?;
    assert_eq!(bench.ledger.books(run).await?.queued, 1);
    let lease = bench.lease(&alice_active()).await?;
    let token = lease.access_token.expect("it opens");
    assert_eq!(token.expose_secret(), alice_active().token());
    Ok(())
}

async fn a_newer_schema_is_refused(bench: &mut Bench) -> Result<(), LedgerError> {
    bench
        .tables
        .change(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'of a later version', TRUE, '', 0)"
                .to_owned(),
        )
        .await;
    let refused = open(bench, keys()).await;
    assert!(
        matches!(refused, Err(LedgerError::NewerSchema { found: 9999 })),
        "{refused:?}"
    );
    Ok(())
}

async fn a_changed_migration_is_refused(bench: &mut Bench) -> Result<(), LedgerError> {
    let change = "UPDATE _sqlx_migrations SET checksum = '' WHERE version = 3";
    bench.tables.change(change.to_owned()).await;
    let refused = open(bench, keys()).await;
    assert!(
        matches!(refused, Err(LedgerError::NewerSchema { found: 3 })),
        "{refused:?}"
    );
    Ok(())
}

async fn another_sealing_key_is_refused(bench: &mut Bench) -> Result<(), LedgerError> {
    let refused = open(bench, with_strange("seal")).await;
    assert!(
        matches!(refused, Err(LedgerError::WrongKeys { key: "seal" })),
        "{refused:?}"
    );
    Ok(())
}

async fn another_lookup_key_is_refused(bench: &mut Bench) -> Result<(), LedgerError> {
    let refused = open(bench, with_strange("lookup")).await;
    assert!(
        matches!(refused, Err(LedgerError::WrongKeys { key: "lookup" })),
        "{refused:?}"
    );
    Ok(())
}

async fn a_rotated_ring_opens_what_the_old_one_sealed(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let new = KeyRing::generate("k2", &mut StdRng::seed_from_u64(3)).to_text();
    let new_first = new.lines().find(|line| line.starts_with("seal"));
    let rotated = [new_first.expect("a key"), &*keys().to_text()].join("\n");
    let rotated = || KeyRing::parse(&rotated).expect("a ring");
    bench.active_run("spring", [alice_active()]).await?;
    bench.ledger = open(bench, rotated()).await?;
    bench.active_run("summer", [carol_active()]).await?;
    bench.ledger = open(bench, rotated()).await?;
    for person in [alice_active(), carol_active()] {
        let lease = bench.lease(&person).await?;
        let token = lease.access_token.expect("it opens");
        assert_eq!(token.expose_secret(), person.token());
    }
    Ok(())
}
