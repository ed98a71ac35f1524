//! One holder at a time, with all that it needs.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ferry_core::budget::{Rate, SubjectLimit};
use ferry_core::id::{Fence, SessionId};
use ferry_core::reason::{DeadReason, PauseCause, SkipReason};
use ferry_core::session::SessionClock;
use ferry_core::state::{SessionState, UnresolvedState};
use ferry_ledger::claim::Claim;
use ferry_ledger::{Ledger, LedgerError};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use tokio::sync::Barrier;

use crate::backends::keys;
use crate::bench::{Bench, LEASE, QUIET, TERMS};
use crate::clock::noon_plus;
use crate::ends::{dead, deferred, migrated, skipped};
use crate::people::{alice_active, bob_expired, carol_active, dave_in_a_hurry};

on_every_backend![
    a_lease_carries_all_that_the_call_needs,
    what_is_final_is_finished,
    a_held_session_is_not_granted_again,
    a_waiting_session_is_not_granted_before_its_time,
    a_paused_runs_sessions_are_not_granted,
    a_session_is_not_granted_while_its_export_is_read,
    each_session_of_a_batch_has_its_answer_in_its_place,
    each_claim_raises_the_fence_by_one,
    a_takeover_lists_the_old_attempt_in_the_same_commit,
    of_two_claims_at_once_one_is_granted,
    voided_leases_are_taken_over_at_once,
    one_more_call_about_a_person_takes_a_turn_of_theirs,
];

async fn a_lease_carries_all_that_the_call_needs(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut alice = alice_active();
    alice.session.facts.external_id = Some("employee|7".to_owned());
    alice.session.facts.name = Some("Alice Liddell".to_owned());
    alice.session.facts.clock = SessionClock {
        session_expires_at: Some(noon_plus(600)),
        idle_timeout: Some(Duration::from_mins(90)),
        last_active_at: Some(noon_plus(0)),
        absolute_expires_at: Some(noon_plus(700)),
    };
    alice.session.custom_claims = Some(r#"{"plan":"gold"}"#.to_owned());
    let run = bench.active_run("spring", [alice.clone()]).await?;
    let lease = bench.lease(&alice).await?;
    let row = bench.row(&alice).await;
    assert_eq!((lease.session, lease.run), (row.session, run));
    assert_eq!(lease.until, bench.now().plus(LEASE));
    assert_eq!(lease.legacy_key, alice.key());
    assert_eq!(lease.organization, alice.session.organization);
    assert_eq!(lease.facts, alice.session.facts);
    assert_eq!(lease.custom_claims, alice.session.custom_claims);
    let token = lease.access_token.expect("it opens");
    assert_eq!(token.expose_secret(), alice.token());
    assert_eq!((lease.attempts_spent, lease.unknown_outcomes), (0, 0));
    assert_eq!(row.state, SessionState::Running);
    assert_eq!((row.attempt, row.fence), (Some(lease.attempt), lease.fence));
    assert_eq!(row.lease_until, Some(lease.until));
    Ok(())
}

async fn what_is_final_is_finished(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [
        alice_active(),
        bob_expired(),
        carol_active(),
        dave_in_a_hurry(),
    ];
    let run = bench.active_run("spring", rows.clone()).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let lease = bench.lease(&carol_active()).await?;
    bench
        .record(dead(&lease, DeadReason::MemberMissing))
        .await?;
    let lease = bench.lease(&dave_in_a_hurry()).await?;
    bench
        .record(skipped(&lease, SkipReason::SessionOver))
        .await?;
    // Finished comes before paused: such a doorbell is never rung again.
    bench.ledger.pause(run, PauseCause::Operator).await?;
    for person in rows {
        let claim = bench.claim(&person).await?;
        assert!(matches!(claim, Claim::Finished), "{claim:?}");
    }
    Ok(())
}

async fn a_held_session_is_not_granted_again(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    let before = bench.row(&alice_active()).await;
    bench.clock.set_just_before(lease.until);
    let claim = bench.claim(&alice_active()).await?;
    assert!(matches!(claim, Claim::HeldElsewhere), "{claim:?}");
    assert_eq!(bench.row(&alice_active()).await, before);
    Ok(())
}

async fn a_waiting_session_is_not_granted_before_its_time(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(deferred(&lease, LEASE)).await?;
    let claim = bench.claim(&alice_active()).await?;
    assert!(matches!(claim, Claim::NotDue), "{claim:?}");
    bench.clock.advance(LEASE);
    bench.lease(&alice_active()).await?;
    assert_eq!(bench.row(&alice_active()).await.waits_until, None);
    assert_eq!(bench.tables.listed().await, []);
    Ok(())
}

async fn a_paused_runs_sessions_are_not_granted(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    bench.active_run("summer", [carol_active()]).await?;
    bench.ledger.pause(spring, PauseCause::Credentials).await?;
    let claim = bench.claim(&alice_active()).await?;
    assert!(matches!(claim, Claim::Paused), "{claim:?}");
    bench.lease(&carol_active()).await?;
    bench.ledger.resume(spring).await?;
    bench.lease(&alice_active()).await?;
    Ok(())
}

async fn a_session_is_not_granted_while_its_export_is_read(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.begin("spring").await?.id;
    bench.register(run, [alice_active()]).await?;
    let claim = bench.claim(&alice_active()).await?;
    assert!(matches!(claim, Claim::Paused), "{claim:?}");
    Ok(())
}

async fn each_session_of_a_batch_has_its_answer_in_its_place(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let rows = [alice_active(), bob_expired(), carol_active()];
    bench.active_run("spring", rows).await?;
    let carol = bench.session(&carol_active()).await;
    let bob = bench.session(&bob_expired()).await;
    let alice = bench.session(&alice_active()).await;
    let batch = [carol, SessionId(404), bob, alice];
    let claims = bench.ledger.claim(&batch, &TERMS, &mut bench.rng).await?;
    let [
        Claim::Granted(first),
        Claim::Unknown,
        Claim::Finished,
        Claim::Granted(last),
    ] = &claims[..]
    else {
        panic!("{claims:?}");
    };
    assert_eq!((first.session, last.session), (carol, alice));
    assert_ne!(first.attempt, last.attempt);
    let none = bench.ledger.claim(&[], &TERMS, &mut bench.rng);
    assert!(none.await?.is_empty());
    Ok(())
}

async fn each_claim_raises_the_fence_by_one(bench: &mut Bench) -> Result<(), LedgerError> {
    bench.active_run("spring", [alice_active()]).await?;
    for fence in 1..=3 {
        let lease = bench.lease(&alice_active()).await?;
        assert_eq!(lease.fence, Fence(fence));
        assert_eq!(bench.row(&alice_active()).await.fence, Fence(fence));
        bench.record(deferred(&lease, Duration::ZERO)).await?;
    }
    Ok(())
}

async fn a_takeover_lists_the_old_attempt_in_the_same_commit(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let old = bench.lease(&alice_active()).await?;
    bench.clock.set(old.until);
    let new = bench.lease(&alice_active()).await?;
    assert_eq!(new.fence, Fence(old.fence.0 + 1));
    assert_ne!(new.attempt, old.attempt);
    assert_eq!((new.attempts_spent, new.unknown_outcomes), (0, 1));
    let row = bench.row(&alice_active()).await;
    assert_eq!((row.unknown_outcomes, row.attempt), (1, Some(new.attempt)));
    let history = bench.tables.attempts(old.session).await;
    assert_eq!(history.len(), 1);
    assert_eq!(
        (history[0].attempt, history[0].fence),
        (old.attempt, old.fence)
    );
    assert_eq!(history[0].outcome, "taken_over");
    let listed = bench.tables.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].attempt, listed[0].run), (old.attempt, run));
    assert_eq!(listed[0].state, UnresolvedState::Unresolved);
    assert_eq!(listed[0].due_at, bench.now().plus(QUIET));
    Ok(())
}

async fn of_two_claims_at_once_one_is_granted(bench: &mut Bench) -> Result<(), LedgerError> {
    const CROWDED: usize = 8;
    bench.active_run("spring", [alice_active()]).await?;
    let session = bench.session(&alice_active()).await;
    let start = Arc::new(Barrier::new(CROWDED));
    let mut claims = Vec::new();
    for seed in 0..CROWDED {
        // Half of them in this process, half of them each in its own.
        let ledger = if seed % 2 == 0 {
            bench.ledger.clone()
        } else {
            bench.database.open(keys(), bench.clock.clone()).await?
        };
        claims.push(tokio::spawn(claim_after(
            Arc::clone(&start),
            ledger,
            session,
            seed as u64,
        )));
    }
    let (mut granted, mut held) = (0, 0);
    for claim in claims {
        match claim.await.expect("no panic")? {
            Claim::Granted(_) => granted += 1,
            Claim::HeldElsewhere => held += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((granted, held), (1, CROWDED - 1));
    assert_eq!(bench.row(&alice_active()).await.fence, Fence(1));
    Ok(())
}

async fn claim_after(
    start: Arc<Barrier>,
    ledger: Ledger,
    session: SessionId,
    seed: u64,
) -> Result<Claim, LedgerError> {
    let mut rng = StdRng::seed_from_u64(seed);
    start.wait().await;
    let claims = ledger.claim(&[session], &TERMS, &mut rng).await?;
    Ok(claims.into_iter().next().expect("one answer"))
}

async fn voided_leases_are_taken_over_at_once(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [alice_active(), carol_active(), dave_in_a_hurry()];
    let run = bench.active_run("spring", rows).await?;
    let alice = bench.lease(&alice_active()).await?;
    let carol = bench.lease(&carol_active()).await?;
    bench.record(migrated(&carol)).await?;
    assert_eq!(bench.ledger.void_leases().await?, 1);
    let due = bench.due_from_head(run).await?;
    assert!(due.contains(&alice.session), "{due:?}");
    let again = bench.lease(&alice_active()).await?;
    assert_eq!(again.unknown_outcomes, 1);
    // Of a lease that was cut short the quiet time counts from now.
    let listed = bench.tables.listed().await;
    assert_eq!(listed[0].attempt, alice.attempt);
    assert_eq!(listed[0].due_at, bench.now().plus(QUIET));
    Ok(())
}

async fn one_more_call_about_a_person_takes_a_turn_of_theirs(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let limit = SubjectLimit {
        burst: NonZeroU32::new(2).expect("not zero"),
        sustained: Rate::per_minute(6.0).expect("a rate"),
    };
    let alice = alice_active().session.facts;
    for _ in 0..2 {
        assert_eq!(bench.ledger.turn_of(&alice, limit).await?, None);
    }
    let wait = bench.ledger.turn_of(&alice, limit).await?;
    let wait = wait.expect("her burst is spent");
    assert!(
        !wait.is_zero() && wait <= Duration::from_secs(11),
        "{wait:?}"
    );
    let bob = bob_expired().session.facts;
    assert_eq!(bench.ledger.turn_of(&bob, limit).await?, None);
    Ok(())
}
