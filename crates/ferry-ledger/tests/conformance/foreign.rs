//! Messages that are not ours, and which sessions are to lie in the broker's dead-letter queue.

use ferry_core::id::SessionId;
use ferry_core::reason::DeadReason;
use ferry_ledger::LedgerError;
use ferry_ledger::audit_log::Action;
use ferry_ledger::dead::Filter;
use ferry_ledger::foreign::{Digest, ForeignLetter, Standing};
use secrecy::ExposeSecret;

use crate::bench::Bench;
use crate::people::{alice_active, carol_active, dave_in_a_hurry};

on_every_backend![
    a_foreign_message_is_kept_once_and_given_back_as_it_came,
    a_foreign_message_is_sealed_at_rest,
    a_foreign_message_is_thrown_away_once,
    only_the_dead_that_are_not_put_aside_stand_in_the_queue,
];

const BODY: &[u8] = b"\xff\x00 a token of somebody's: hunter2";

fn letter() -> ForeignLetter {
    ForeignLetter {
        body: BODY.to_vec().into(),
        kind: Some("invoice".to_owned()),
        content_type: None,
        cause: "not_ours".to_owned(),
    }
}

async fn a_foreign_message_is_kept_once_and_given_back_as_it_came(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench
        .ledger
        .keep_foreign(&[letter(), letter()], &mut bench.rng)
        .await?;
    bench
        .ledger
        .keep_foreign(&[letter()], &mut bench.rng)
        .await?;
    let [kept] = <[_; 1]>::try_from(bench.ledger.foreign_letters().await?).expect("one");
    assert_eq!(kept.digest, Digest::of(BODY));
    assert_eq!((kept.size, kept.times), (BODY.len() as u64, 3));
    assert_eq!(
        (kept.kind.as_deref(), kept.content_type),
        (Some("invoice"), None)
    );
    assert_eq!(
        (kept.cause.as_str(), kept.found_at),
        ("not_ours", bench.now())
    );
    let body = bench.ledger.foreign_body(kept.digest).await?.expect("kept");
    assert_eq!(body.expose_secret(), BODY);
    assert_eq!(Digest::parse(&kept.digest.to_string()), Some(kept.digest));
    let nobodys = bench.ledger.foreign_body(Digest::of(b"")).await?;
    assert!(nobodys.is_none());
    Ok(())
}

async fn a_foreign_message_is_sealed_at_rest(bench: &mut Bench) -> Result<(), LedgerError> {
    bench
        .ledger
        .keep_foreign(&[letter()], &mut bench.rng)
        .await?;
    let digest = Digest::of(BODY);
    let moved = Digest::of(b"elsewhere");
    // Where a digest is written as the database's own hexadecimal form, this changes nothing else.
    let change = match &bench.database {
        crate::backends::Database::Sqlite(_) => {
            format!("UPDATE foreign_letters SET digest = x'{moved}'")
        }
        crate::backends::Database::Postgres(_) => {
            format!("UPDATE foreign_letters SET digest = '\\x{moved}'")
        }
    };
    assert_eq!(bench.tables.change(change).await, 1);
    assert!(bench.ledger.foreign_body(digest).await?.is_none());
    let opened = bench.ledger.foreign_body(moved).await;
    assert!(
        matches!(opened, Err(LedgerError::Inconsistent { .. })),
        "{opened:?}"
    );
    Ok(())
}

async fn a_foreign_message_is_thrown_away_once(bench: &mut Bench) -> Result<(), LedgerError> {
    bench
        .ledger
        .keep_foreign(&[letter()], &mut bench.rng)
        .await?;
    let digest = Digest::of(BODY);
    let action = Action::DiscardForeign;
    let deed = bench
        .ledger
        .note_deed("olga@desk", action, &digest.to_string(), 0)
        .await?;
    assert!(bench.ledger.forget_foreign(digest, deed).await?);
    assert!(!bench.ledger.forget_foreign(digest, deed).await?);
    assert_eq!(bench.ledger.foreign_letters().await?, []);
    assert_eq!(bench.ledger.deeds(None, 1).await?[0].affected, 1);
    Ok(())
}

async fn only_the_dead_that_are_not_put_aside_stand_in_the_queue(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let people = [alice_active(), carol_active(), dave_in_a_hurry()];
    let run = bench.active_run("spring", people).await?;
    let alice = bench
        .bury(&alice_active(), DeadReason::MemberMissing)
        .await?;
    let carol = bench.bury(&carol_active(), DeadReason::Refused).await?;
    let dave = bench.session(&dave_in_a_hurry()).await;
    let refused = Filter {
        reasons: vec![DeadReason::Refused],
        ..Filter::default()
    };
    let deed = bench.deed().await?;
    bench.ledger.discard(&refused, deed).await?;
    let nobody = SessionId(alice.0 + carol.0 + dave.0 + 1);
    let standings = bench
        .ledger
        .standings(&[alice, carol, dave, nobody])
        .await?;
    let standing = |dead| Some(&Standing { run, dead }).copied();
    assert_eq!(
        standings.get(&alice).copied(),
        standing(Some(DeadReason::MemberMissing))
    );
    assert_eq!(standings.get(&carol).copied(), standing(None));
    assert_eq!(standings.get(&dave).copied(), standing(None));
    assert_eq!(standings.get(&nobody), None);
    Ok(())
}
