//! Each end of an attempt.

use ferry_core::id::Fence;
use ferry_core::reason::{DeadReason, PauseCause, SkipReason};
use ferry_core::state::{MappingState, SessionState, UnresolvedState};
use ferry_ledger::LedgerError;
use secrecy::{ExposeSecret, SecretString};

use crate::bench::{Bench, LEASE, QUIET};
use crate::clock::noon_plus;
use crate::ends::{
    dead, deferred, for_somebody_else, halted, migrated, minted_id, minted_token, retried, skipped,
    unanswered,
};
use crate::people::{a_crowd, alice_active, bob_expired, carol_active, dave_in_a_hurry};

on_every_backend![
    a_carried_session_is_found_with_its_token,
    who_was_not_carried_is_not_found,
    a_carried_session_has_no_more_use_for_its_legacy_token,
    a_retry_spends_an_attempt,
    being_told_to_wait_spends_nothing,
    an_unknown_outcome_has_a_count_of_its_own_and_is_listed,
    a_skipped_session_forgets_its_token,
    a_dead_session_keeps_its_token_only_if_it_can_be_mended,
    a_halt_puts_the_row_back_as_it_was,
    what_was_minted_for_somebody_else_is_listed_with_its_member,
    the_history_tells_every_attempt_that_failed,
    many_ends_go_into_one_commit,
    a_paused_runs_results_are_recorded,
    a_lease_that_is_over_may_still_record_if_nobody_took_it_over,
    mappings_are_paged_in_the_order_of_their_sessions,
];

async fn a_carried_session_is_found_with_its_token(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    assert!(bench.record(migrated(&lease)).await?);
    let alice = alice_active().session;
    let found = bench
        .ledger
        .lookup(&alice.stable_id, &alice.organization)
        .await?;
    let (mapping, token) = found.expect("she was carried");
    assert_eq!(token.expose_secret(), minted_token(&lease));
    assert_eq!(mapping.legacy_key, alice_active().key());
    let organization = mapping.organization_id.as_deref();
    assert_eq!(organization, Some("organization-acme"));
    assert_eq!(mapping.member_id, format!("member-{}", lease.session));
    assert_eq!(mapping.member_session_id, minted_id(&lease));
    assert_eq!(mapping.expires_at, noon_plus(24 * 60));
    assert_eq!(mapping.state, MappingState::Live);
    Ok(())
}

async fn who_was_not_carried_is_not_found(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let id = &alice_active().session.stable_id;
    let nobody = SecretString::from("legacy-session-of-nobody".to_owned());
    for (id, organization) in [(&nobody, "acme"), (id, "globex"), (id, "")] {
        let found = bench.ledger.lookup(id, organization).await?;
        assert!(found.is_none(), "{organization}");
    }
    Ok(())
}

async fn a_carried_session_has_no_more_use_for_its_legacy_token(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let row = bench.row(&alice_active()).await;
    assert_eq!(row.state, SessionState::Migrated);
    assert_eq!(row.mapped_to, Some(minted_id(&lease)));
    assert_eq!((row.attempt, row.lease_until), (None, None));
    assert!(!row.has_token);
    assert_eq!(bench.tables.attempts(lease.session).await, []);
    assert_eq!(bench.tables.listed().await, []);
    bench.assert_books_balance().await
}

async fn a_retry_spends_an_attempt(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(retried(&lease, LEASE)).await?;
    let row = bench.row(&alice_active()).await;
    assert_eq!(row.state, SessionState::Waiting);
    assert_eq!((row.attempts_spent, row.unknown_outcomes), (1, 0));
    assert_eq!(row.waits_until, Some(bench.now().plus(LEASE)));
    assert!(row.has_token);
    bench.clock.advance(LEASE);
    assert_eq!(bench.lease(&alice_active()).await?.attempts_spent, 1);
    Ok(())
}

async fn being_told_to_wait_spends_nothing(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    for _ in 0..20 {
        let lease = bench.lease(&alice_active()).await?;
        assert_eq!((lease.attempts_spent, lease.unknown_outcomes), (0, 0));
        bench.record(deferred(&lease, LEASE)).await?;
        bench.clock.advance(LEASE);
    }
    Ok(())
}

async fn an_unknown_outcome_has_a_count_of_its_own_and_is_listed(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(unanswered(&lease, LEASE)).await?;
    let row = bench.row(&alice_active()).await;
    assert_eq!((row.attempts_spent, row.unknown_outcomes), (0, 1));
    let listed = bench.tables.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].attempt, listed[0].run), (lease.attempt, run));
    assert_eq!(listed[0].state, UnresolvedState::Unresolved);
    assert_eq!(listed[0].due_at, bench.now().plus(QUIET));
    assert_eq!(listed[0].member_id, None);
    Ok(())
}

async fn a_skipped_session_forgets_its_token(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench
        .record(skipped(&lease, SkipReason::SessionOver))
        .await?;
    let row = bench.row(&alice_active()).await;
    assert_eq!(row.state, SessionState::Skipped);
    assert_eq!(row.reason.as_deref(), Some("session_over"));
    assert!(!row.has_token);
    Ok(())
}

async fn a_dead_session_keeps_its_token_only_if_it_can_be_mended(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let reasons = [
        (DeadReason::MemberMissing, "member_missing", true),
        (DeadReason::AttemptsExhausted, "attempts_exhausted", true),
        (DeadReason::OutcomeUnknown, "outcome_unknown", true),
        (DeadReason::TokenRefused, "token_refused", false),
        (DeadReason::IdentityMismatch, "identity_mismatch", false),
        (DeadReason::SealBroken, "seal_broken", false),
    ];
    let people: Vec<_> = a_crowd(reasons.len() as u64).collect();
    bench.active_run("spring", people.clone()).await?;
    for (person, (reason, name, keeps)) in people.iter().zip(reasons) {
        let lease = bench.lease(person).await?;
        bench.record(dead(&lease, reason)).await?;
        let row = bench.row(person).await;
        assert_eq!(row.state, SessionState::Dead);
        assert_eq!(row.reason.as_deref(), Some(name));
        assert_eq!(row.error_type.as_deref(), Some("member_not_found"));
        assert_eq!(row.has_token, keeps, "{name}");
    }
    Ok(())
}

async fn a_halt_puts_the_row_back_as_it_was(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let mut before = bench.row(&alice_active()).await;
    let lease = bench.lease(&alice_active()).await?;
    assert!(bench.record(halted(&lease)).await?);
    // But for the fence, which never falls, and for the cause, which is shown.
    before.fence = Fence(1);
    before.error_type = Some("unauthorized_credentials".to_owned());
    assert_eq!(bench.row(&alice_active()).await, before);
    assert_eq!(bench.tables.listed().await, []);
    bench.lease(&alice_active()).await?;
    Ok(())
}

async fn what_was_minted_for_somebody_else_is_listed_with_its_member(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(for_somebody_else(&lease)).await?;
    assert!(!bench.row(&alice_active()).await.has_token);
    let listed = bench.tables.listed().await;
    assert_eq!(listed[0].attempt, lease.attempt);
    let organization = listed[0].organization_id.as_deref();
    assert_eq!(organization, Some("organization-globex"));
    assert_eq!(listed[0].member_id.as_deref(), Some("member-mallory"));
    Ok(())
}

async fn the_history_tells_every_attempt_that_failed(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let mut leases = Vec::new();
    for end in [retried, unanswered, deferred] {
        let lease = bench.lease(&alice_active()).await?;
        bench.record(end(&lease, LEASE)).await?;
        bench.clock.advance(LEASE);
        leases.push(lease);
    }
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let history = bench.tables.attempts(lease.session).await;
    let told: Vec<_> = history
        .iter()
        .map(|a| (&a.outcome[..], a.http_status, a.error_type.as_deref()))
        .collect();
    let expected = [
        ("transient", Some(503), Some("server_unavailable")),
        ("unknown_outcome", None, None),
        ("capacity", Some(429), Some("too_many_requests")),
    ];
    assert_eq!(told, expected);
    for (told, lease) in history.iter().zip(&leases) {
        assert_eq!((told.attempt, told.fence), (lease.attempt, lease.fence));
        assert_eq!(told.ended_at.plus(LEASE), lease.until);
    }
    assert_eq!(history[0].request_id.as_deref(), Some("request-503"));
    Ok(())
}

async fn many_ends_go_into_one_commit(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [
        alice_active(),
        bob_expired().usable().with_newer_token(),
        carol_active(),
        dave_in_a_hurry(),
    ];
    let run = bench.active_run("spring", rows.clone()).await?;
    let mut leases = Vec::new();
    for person in &rows {
        leases.push(bench.lease(person).await?);
    }
    let ends = [
        migrated(&leases[0]),
        dead(&leases[1], DeadReason::MemberMissing),
        retried(&leases[2], LEASE),
        skipped(&leases[3], SkipReason::SessionOver),
    ];
    let recorded = bench.ledger.record(&ends, &mut bench.rng).await?;
    assert_eq!(recorded, leases.iter().map(|lease| lease.session).collect());
    let books = bench.ledger.books(run).await?;
    let counts = (books.migrated, books.dead, books.waiting, books.skipped);
    assert_eq!(counts, (1, 1, 1, 1));
    assert!(bench.ledger.record(&[], &mut bench.rng).await?.is_empty());
    bench.assert_books_balance().await
}

async fn a_paused_runs_results_are_recorded(bench: &mut Bench) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.ledger.pause(run, PauseCause::Operator).await?;
    assert!(bench.record(migrated(&lease)).await?);
    Ok(())
}

async fn a_lease_that_is_over_may_still_record_if_nobody_took_it_over(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.clock.advance(LEASE * 2);
    bench.ledger.void_leases().await?;
    assert!(bench.record(migrated(&lease)).await?);
    assert_eq!(bench.tables.listed().await, []);
    Ok(())
}

async fn mappings_are_paged_in_the_order_of_their_sessions(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let people: Vec<_> = a_crowd(5).collect();
    bench.active_run("spring", people.clone()).await?;
    let mut carried = Vec::new();
    for person in &people {
        let lease = bench.lease(person).await?;
        bench.record(migrated(&lease)).await?;
        carried.push((lease.session, lease.legacy_key));
    }
    carried.sort_unstable();
    let mut seen = Vec::new();
    for expected in [2, 2, 1, 0] {
        let after = seen.last().map(|(session, _)| *session);
        let page = bench.ledger.mappings(after, 2).await?;
        assert_eq!(page.len(), expected);
        seen.extend(
            page.iter()
                .map(|mapping| (mapping.session, mapping.legacy_key)),
        );
    }
    assert_eq!(seen, carried);
    Ok(())
}
