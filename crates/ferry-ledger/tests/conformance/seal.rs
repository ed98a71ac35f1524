//! What is secret at rest opens in its own place only.

use ferry_ledger::LedgerError;

use crate::bench::Bench;
use crate::ends::migrated;
use crate::people::{Person, alice_active, carol_active};

on_every_backend![
    a_token_that_was_moved_to_another_row_does_not_open,
    a_token_that_was_cut_does_not_open,
    a_token_that_is_gone_does_not_open,
    a_mapping_with_another_ones_token_is_inconsistent,
    a_legacy_token_does_not_open_as_a_stytch_token,
];

async fn assert_does_not_open(bench: &mut Bench, person: &Person) -> Result<(), LedgerError> {
    let lease = bench.lease(person).await?;
    assert!(lease.access_token.is_err());
    Ok(())
}

/// Alice's and Carol's session ids.
async fn both(bench: &mut Bench) -> Result<(i64, i64), LedgerError> {
    let rows = [alice_active(), carol_active()];
    bench.active_run("spring", rows).await?;
    let alice = bench.session(&alice_active()).await;
    let carol = bench.session(&carol_active()).await;
    Ok((alice.0, carol.0))
}

async fn a_token_that_was_moved_to_another_row_does_not_open(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let (alice, carol) = both(bench).await?;
    let change = format!(
        "UPDATE session_secrets SET token =
             (SELECT token FROM session_secrets WHERE session_id = {alice})
         WHERE session_id = {carol}"
    );
    assert_eq!(bench.tables.change(change).await, 1);
    assert_does_not_open(bench, &carol_active()).await?;
    let lease = bench.lease(&alice_active()).await?;
    assert!(lease.access_token.is_ok());
    Ok(())
}

async fn a_token_that_was_cut_does_not_open(bench: &mut Bench) -> Result<(), LedgerError> {
    let (alice, _) = both(bench).await?;
    let change = format!(
        "UPDATE session_secrets SET token = substr(token, 1, length(token) - 1)
         WHERE session_id = {alice}"
    );
    assert_eq!(bench.tables.change(change).await, 1);
    assert_does_not_open(bench, &alice_active()).await
}

async fn a_token_that_is_gone_does_not_open(bench: &mut Bench) -> Result<(), LedgerError> {
    let (alice, _) = both(bench).await?;
    let change = format!("DELETE FROM session_secrets WHERE session_id = {alice}");
    assert_eq!(bench.tables.change(change).await, 1);
    assert_does_not_open(bench, &alice_active()).await
}

async fn a_mapping_with_another_ones_token_is_inconsistent(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    both(bench).await?;
    for person in [alice_active(), carol_active()] {
        let lease = bench.lease(&person).await?;
        bench.record(migrated(&lease)).await?;
    }
    let change = "UPDATE mappings SET session_token =
                      (SELECT session_token FROM mappings ORDER BY session_id LIMIT 1)";
    assert_eq!(bench.tables.change(change.to_owned()).await, 2);
    let mut broken = 0;
    for person in [alice_active(), carol_active()] {
        broken += u32::from(is_inconsistent(bench, &person).await);
    }
    assert_eq!(broken, 1, "one of the two has its own");
    Ok(())
}

async fn a_legacy_token_does_not_open_as_a_stytch_token(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let (alice, _) = both(bench).await?;
    let keep = format!(
        "CREATE TABLE kept AS SELECT token FROM session_secrets WHERE session_id = {alice}"
    );
    bench.tables.change(keep).await;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let change = "UPDATE mappings SET session_token = (SELECT token FROM kept)";
    assert_eq!(bench.tables.change(change.to_owned()).await, 1);
    assert!(is_inconsistent(bench, &alice_active()).await);
    Ok(())
}

/// Whether looking this person up fails as it must if the sealed token is not its own.
async fn is_inconsistent(bench: &Bench, person: &Person) -> bool {
    let session = &person.session;
    let found = bench
        .ledger
        .lookup(&session.stable_id, &session.organization)
        .await;
    match found {
        Ok(found) => {
            assert!(found.is_some(), "it has a mapping");
            false
        }
        Err(error) => {
            let told = "mappings.session_token";
            assert!(error.to_string().contains(told), "{error}");
            true
        }
    }
}
