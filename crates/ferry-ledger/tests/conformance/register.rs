//! Rows are counted, duplicates are told, rejects are kept.

use ferry_core::books::Books;
use ferry_core::reason::SkipReason;
use ferry_core::session::ExportRow;
use ferry_ledger::LedgerError;
use ferry_ledger::register::Registered;
use ferry_ledger::runs::RunSource;
use secrecy::ExposeSecret;

use crate::backends::keys;
use crate::bench::{Bench, QUIET, source};
use crate::people::{
    Person, a_crowd, alice_active, bob_expired, carol_active, rejected, unreadable,
};

on_every_backend![
    every_row_is_counted_where_it_stands,
    more_rows_than_one_statement_holds_are_all_taken_in,
    a_run_that_is_not_registered_any_more_takes_nothing_in,
    a_session_that_stands_twice_in_a_batch_is_a_duplicate,
    a_session_that_comes_again_in_a_later_batch_is_a_duplicate,
    a_session_that_another_run_has_is_a_duplicate,
    another_organization_makes_another_session,
    of_two_tokens_in_a_batch_the_newer_one_is_kept,
    a_newer_token_in_a_later_batch_replaces_the_older_one,
    a_session_that_can_be_carried_does_not_give_way_to_a_row_that_cannot,
    a_skipped_row_leaves_no_secret,
    rejects_are_paged_in_the_order_of_the_export,
    a_batch_is_taken_in_whole_or_not_at_all,
    a_run_goes_on_after_the_rows_that_were_committed,
    a_known_name_with_another_export_is_refused,
];

async fn every_row_is_counted_where_it_stands(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    let batch: [ExportRow; 3] = [alice_active().into(), bob_expired().into(), rejected(6)];
    let first = bench.register(run, batch).await?;
    let expected = Registered {
        added: 2,
        rejected: 1,
        ..Registered::default()
    };
    assert_eq!(first, expected);
    let batch = [carol_active(), alice_active()];
    let second = bench.register(run, batch).await?;
    assert_eq!((second.added, second.duplicates), (1, 1));
    let expected = Books {
        exported: 5,
        rejected: 1,
        duplicates: 1,
        queued: 2,
        skipped: 1,
        ..Books::default()
    };
    assert_eq!(bench.ledger.books(run).await?, expected);
    Ok(())
}

async fn more_rows_than_one_statement_holds_are_all_taken_in(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    const CROWD: u64 = 1203;
    let run = bench.begin("spring").await?.id;
    bench.register(run, a_crowd(CROWD)).await?;
    let again = bench.register(run, a_crowd(CROWD)).await?;
    assert_eq!((again.added, again.duplicates), (0, CROWD));
    let sealed = bench.tables.number("SELECT COUNT(*) FROM session_secrets");
    assert_eq!(sealed.await.unsigned_abs(), CROWD);
    assert_eq!(bench.ledger.books(run).await?.queued, CROWD);
    Ok(())
}

async fn a_run_that_is_not_registered_any_more_takes_nothing_in(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let summer = bench.begin("summer").await?.id;
    bench.ledger.cancel(summer, QUIET).await?;
    for run in [spring, summer] {
        let refused = bench.register(run, [carol_active()]).await;
        let elsewhere = matches!(refused, Err(LedgerError::RegisteringElsewhere { .. }));
        assert!(elsewhere, "{refused:?}");
    }
    Ok(())
}

async fn a_session_that_stands_twice_in_a_batch_is_a_duplicate(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    let batch = [alice_active(), carol_active(), alice_active()];
    let registered = bench.register(run, batch).await?;
    assert_eq!((registered.added, registered.duplicates), (2, 1));
    Ok(())
}

async fn a_session_that_comes_again_in_a_later_batch_is_a_duplicate(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    bench.register(run, [alice_active()]).await?;
    let before = bench.row(&alice_active()).await;
    let registered = bench.register(run, [alice_active()]).await?;
    assert_eq!((registered.added, registered.duplicates), (0, 1));
    assert_eq!(bench.row(&alice_active()).await, before);
    Ok(())
}

async fn a_session_that_another_run_has_is_a_duplicate(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let summer = bench.begin("summer").await?.id;
    let registered = bench.register(summer, [alice_active()]).await?;
    assert_eq!((registered.duplicates, registered.revived), (1, 0));
    assert_eq!(bench.row(&alice_active()).await.run, spring);
    assert_eq!(bench.ledger.books(spring).await?.handed_over, 0);
    Ok(())
}

async fn another_organization_makes_another_session(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    let batch = [alice_active(), alice_active().at("globex")];
    assert_eq!(bench.register(run, batch).await?.added, 2);
    Ok(())
}

async fn of_two_tokens_in_a_batch_the_newer_one_is_kept(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let newer = Person::with_newer_token;
    let batch = [
        alice_active(),
        newer(alice_active()),
        newer(carol_active()),
        carol_active(),
    ];
    let run = bench.active_run("spring", batch).await?;
    assert_eq!(bench.ledger.books(run).await?.duplicates, 2);
    for person in [newer(alice_active()), newer(carol_active())] {
        assert_opens_to(bench, &person).await?;
    }
    Ok(())
}

async fn a_newer_token_in_a_later_batch_replaces_the_older_one(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    bench.register(run, [alice_active()]).await?;
    let newer = alice_active().with_newer_token();
    let registered = bench.register(run, [newer.clone()]).await?;
    assert_eq!((registered.duplicates, registered.revived), (1, 0));
    let books = bench.ledger.books(run).await?;
    assert_eq!((books.exported, books.handed_over), (2, 0));
    bench.ledger.end_registering(run).await?;
    assert_opens_to(bench, &newer).await
}

/// Nor in a later batch: where the batches are cut makes no difference.
async fn a_session_that_can_be_carried_does_not_give_way_to_a_row_that_cannot(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let useless = |person: Person| person.with_newer_token().skipped(SkipReason::WrongAudience);
    let batch = [alice_active(), useless(alice_active()), carol_active()];
    let run = bench.begin("spring").await?.id;
    bench.register(run, batch).await?;
    bench.register(run, [useless(carol_active())]).await?;
    bench.ledger.end_registering(run).await?;
    assert_eq!(bench.ledger.books(run).await?.duplicates, 2);
    assert_opens_to(bench, &alice_active()).await?;
    assert_opens_to(bench, &carol_active()).await
}

async fn a_skipped_row_leaves_no_secret(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [bob_expired()]).await?;
    let row = bench.row(&bob_expired()).await;
    assert_eq!(row.reason.as_deref(), Some("expired"));
    assert!(!row.has_token);
    Ok(())
}

async fn rejects_are_paged_in_the_order_of_the_export(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let spring = bench.begin("spring").await?.id;
    let summer = bench.begin("summer").await?.id;
    bench.register(spring, [9, 3].map(rejected)).await?;
    bench.register(spring, [12].map(rejected)).await?;
    bench.register(summer, [1, 5].map(rejected)).await?;
    let first = bench.ledger.rejects(spring, 0, 2).await?;
    assert_eq!(first, [3, 9].map(unreadable));
    let rest = bench.ledger.rejects(spring, 9, 2).await?;
    assert_eq!(rest, [12].map(unreadable));
    Ok(())
}

async fn a_batch_is_taken_in_whole_or_not_at_all(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    bench.register(run, [rejected(7)]).await?;
    // The same record cannot be rejected twice, so the whole batch fails.
    let batch: [ExportRow; 2] = [alice_active().into(), rejected(7)];
    assert!(bench.register(run, batch).await.is_err());
    assert_eq!(bench.begin("spring").await?.rows_read, 1);
    assert_eq!(bench.tables.sessions().await, []);
    bench.assert_books_balance().await
}

async fn a_run_goes_on_after_the_rows_that_were_committed(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?;
    assert_eq!(run.rows_read, 0);
    let batch = [alice_active(), bob_expired()];
    bench.register(run.id, batch).await?;
    let next_start = bench.database.open(keys(), bench.clock.clone()).await?;
    let again = next_start.begin_run(&source("spring")).await?;
    assert_eq!((again.id, again.rows_read), (run.id, 2));
    Ok(())
}

async fn a_known_name_with_another_export_is_refused(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.begin("spring").await?;
    let other = RunSource {
        digest: [8; 32],
        ..source("spring")
    };
    let refused = bench.ledger.begin_run(&other).await;
    assert!(
        matches!(&refused, Err(LedgerError::SourceChanged { name }) if name == "spring"),
        "{refused:?}"
    );
    let elsewhere = RunSource {
        location: "/moved/to/spring.csv".to_owned(),
        ..source("spring")
    };
    bench.ledger.begin_run(&elsewhere).await?;
    assert_eq!(bench.ledger.runs().await?.len(), 1);
    Ok(())
}

/// The token that a claim gives is the one of this row.
async fn assert_opens_to(bench: &mut Bench, person: &Person) -> Result<(), LedgerError> {
    let lease = bench.lease(person).await?;
    let token = lease.access_token.expect("it opens");
    assert_eq!(token.expose_secret(), person.token());
    let expiry = person.session.facts.token_expires_at;
    assert_eq!(lease.facts.token_expires_at, expiry);
    Ok(())
}
