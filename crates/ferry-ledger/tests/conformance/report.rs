//! Books, failures, audit, outlook.

use std::time::Duration;

use ferry_core::books::Books;
use ferry_core::forecast::Expiries;
use ferry_core::reason::{DeadReason, SkipReason};
use ferry_core::session::ExportRow;
use ferry_ledger::LedgerError;
use ferry_ledger::report::{Audit, FailureCount};
use ferry_ledger::sweep::Looked;

use crate::bench::{Bench, LEASE, SECOND_LOOK};
use crate::clock::noon_plus;
use crate::ends::{dead, migrated, retried, skipped, unanswered};
use crate::people::{a_crowd, alice_active, bob_expired, carol_active, rejected};

on_every_backend![
    the_books_tell_where_each_row_stands,
    failures_are_counted_by_reason_the_most_frequent_first,
    the_audit_tells_what_the_sweeper_found,
    a_run_is_told_from_the_others,
    what_is_not_final_is_counted_by_the_minute_of_its_expiry,
];

async fn the_books_tell_where_each_row_stands(bench: &mut Bench) -> Result<(), LedgerError> {
    let people: Vec<_> = a_crowd(7).collect();
    let mut rows: Vec<ExportRow> = people.iter().cloned().map(Into::into).collect();
    rows.extend([rejected(8), people[0].clone().into(), bob_expired().into()]);
    let run = bench.active_run("spring", rows).await?;
    let lease = bench.lease(&people[1]).await?;
    bench.record(migrated(&lease)).await?;
    let lease = bench.lease(&people[2]).await?;
    bench.record(retried(&lease, LEASE)).await?;
    let lease = bench.lease(&people[3]).await?;
    bench
        .record(dead(&lease, DeadReason::MemberMissing))
        .await?;
    let lease = bench.lease(&people[4]).await?;
    bench
        .record(skipped(&lease, SkipReason::SessionOver))
        .await?;
    bench.lease(&people[5]).await?;
    let newer = people[6].clone().with_newer_token();
    bench.active_run("summer", [newer]).await?;
    let expected = Books {
        exported: 10,
        rejected: 1,
        duplicates: 1,
        queued: 1,
        running: 1,
        waiting: 1,
        migrated: 1,
        skipped: 2,
        dead: 1,
        handed_over: 1,
    };
    assert_eq!(bench.ledger.books(run).await?, expected);
    Ok(())
}

async fn failures_are_counted_by_reason_the_most_frequent_first(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let people: Vec<_> = a_crowd(4).collect();
    let run = bench.active_run("spring", people.clone()).await?;
    let reasons = [
        DeadReason::TokenRefused,
        DeadReason::MemberMissing,
        DeadReason::MemberMissing,
    ];
    for (person, reason) in people.iter().zip(reasons) {
        let lease = bench.lease(person).await?;
        bench.record(dead(&lease, reason)).await?;
    }
    let lease = bench.lease(&people[3]).await?;
    bench
        .record(skipped(&lease, SkipReason::SessionOver))
        .await?;
    let failure =
        |state: &str, reason: &str, error_type: Option<&str>, count, example_row| FailureCount {
            state: state.to_owned(),
            reason: reason.to_owned(),
            error_type: error_type.map(str::to_owned),
            count,
            example_row,
        };
    let expected = [
        failure("dead", "member_missing", Some("member_not_found"), 2, 2),
        failure("skipped", "session_over", None, 1, 4),
        failure("dead", "token_refused", Some("member_not_found"), 1, 1),
    ];
    assert_eq!(bench.ledger.failures(run).await?, expected);
    Ok(())
}

async fn the_audit_tells_what_the_sweeper_found(bench: &mut Bench) -> Result<(), LedgerError> {
    let people: Vec<_> = a_crowd(4).collect();
    let run = bench.active_run("spring", people.clone()).await?;
    assert_eq!(bench.ledger.audit(run).await?, Audit::default());
    let mut attempts = Vec::new();
    for person in &people {
        let lease = bench.lease(person).await?;
        bench.record(unanswered(&lease, LEASE)).await?;
        attempts.push(lease.attempt);
    }
    let looked = |at: usize, revoked, verifiable| Looked {
        attempt: attempts[at],
        revoked,
        verifiable,
    };
    let first = [looked(0, 2, true), looked(1, 1, true), looked(2, 0, false)];
    bench.ledger.looked(&first, SECOND_LOOK).await?;
    let second = [looked(1, 0, true)];
    bench.ledger.looked(&second, SECOND_LOOK).await?;
    let expected = Audit {
        unresolved: 1,
        unverifiable: 1,
        revoked: 3,
        second_look: 1,
    };
    assert_eq!(bench.ledger.audit(run).await?, expected);
    Ok(())
}

async fn a_run_is_told_from_the_others(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let summer = bench.active_run("summer", [bob_expired()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(unanswered(&lease, LEASE)).await?;
    assert_eq!(bench.ledger.books(summer).await?.sessions(), 1);
    assert_eq!(bench.ledger.audit(summer).await?, Audit::default());
    assert_eq!(bench.ledger.failures(summer).await?.len(), 1);
    assert_eq!(bench.ledger.failures(spring).await?, []);
    Ok(())
}

async fn what_is_not_final_is_counted_by_the_minute_of_its_expiry(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let mut rows: Vec<_> = a_crowd(4).collect();
    let odd = rows[1].session.facts.token_expires_at;
    rows[1].session.facts.token_expires_at = odd.plus(Duration::from_millis(59_999));
    rows.extend([alice_active(), bob_expired(), carol_active()]);
    let run = bench.active_run("spring", rows.clone()).await?;
    bench.lease(&rows[0]).await?;
    let lease = bench.lease(&rows[2]).await?;
    bench.record(retried(&lease, LEASE)).await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(migrated(&lease)).await?;
    let expected = Expiries::new([(noon_plus(30), 4), (noon_plus(60), 1)]);
    assert_eq!(bench.ledger.expiries(run).await?, expected);
    Ok(())
}
