//! How often one person may be asked about.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::time::Duration;

use ferry_core::budget::{Rate, SubjectLimit};
use ferry_core::id::{Fence, RunId, SessionId};
use ferry_core::state::SessionState;
use ferry_ledger::LedgerError;
use ferry_ledger::claim::{Claim, ClaimTerms, Lease};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use sqlx::Connection;
use tokio::task::JoinSet;

use crate::backends::postgres;
use crate::bench::{Bench, LEASE, TERMS};
use crate::clock::NOON;
use crate::ends::migrated;
use crate::many_processes::{CROWD, PROCESSES, another};
use crate::people::{Person, a_crowd, alice_active, person};

on_every_backend![
    of_eleven_sessions_of_one_person_eight_are_called_and_three_come_back_one_by_one,
    who_comes_back_when_told_has_a_turn,
    what_is_postponed_is_as_it_was,
    other_people_are_not_held_up,
    without_a_subject_the_email_tells_who_it_is,
    who_is_known_by_nothing_is_not_held_up,
    what_is_held_or_final_takes_no_turn,
    a_lease_that_is_over_is_taken_over_and_postponed,
    idle_people_are_forgotten,
    a_claim_without_a_limit_does_not_look_at_people,
];

/// Auth0's presets: below its own 10, and 5 per minute.
pub(crate) fn limit(burst: u32, per_minute: f64) -> SubjectLimit {
    SubjectLimit {
        burst: NonZeroU32::new(burst).expect("at least one"),
        sustained: Rate::per_minute(per_minute).expect("a rate"),
    }
}

pub(crate) fn limited(limit: SubjectLimit) -> ClaimTerms {
    ClaimTerms {
        subject: Some(limit),
        ..TERMS
    }
}

/// So many sessions of one person.
fn devices(of: &str, count: u64) -> Vec<Person> {
    let device = |number| {
        let mut device = person(&format!("{of}-{number}"), number, 60 + number);
        device.session.facts.subject = Some(format!("auth0|{of}"));
        device
    };
    (1..=count).map(device).collect()
}

async fn claim_all(
    bench: &mut Bench,
    people: &[Person],
    limit: SubjectLimit,
) -> Result<Vec<Claim>, LedgerError> {
    let mut sessions = Vec::new();
    for person in people {
        sessions.push(bench.session(person).await);
    }
    let rng = &mut bench.rng;
    bench.ledger.claim(&sessions, &limited(limit), rng).await
}

fn granted(claims: &[Claim]) -> usize {
    let granted = |claim: &&Claim| matches!(claim, Claim::Granted(_));
    claims.iter().filter(granted).count()
}

async fn elevens_claims(bench: &mut Bench) -> Result<(RunId, Vec<Claim>), LedgerError> {
    let devices = devices("alice", 11);
    let run = bench.active_run("spring", devices.clone()).await?;
    Ok((run, claim_all(bench, &devices, limit(8, 4.5)).await?))
}

async fn of_eleven_sessions_of_one_person_eight_are_called_and_three_come_back_one_by_one(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let (_, claims) = elevens_claims(bench).await?;
    assert_eq!(granted(&claims[..8]), 8, "{claims:?}");
    let postponed = |claim: &Claim| matches!(claim, Claim::Postponed);
    assert!(claims[8..].iter().all(postponed), "{claims:?}");
    let mut waits = Vec::new();
    for device in &devices("alice", 11)[8..] {
        let until = bench.row(device).await.waits_until;
        waits.push(until.expect("it waits").since(NOON).as_secs());
    }
    assert_eq!(waits, [13, 26, 40]);
    bench.assert_books_balance().await
}

async fn who_comes_back_when_told_has_a_turn(bench: &mut Bench) -> Result<(), LedgerError> {
    let (run, _) = elevens_claims(bench).await?;
    for device in &devices("alice", 11)[8..] {
        let row = bench.row(device).await;
        let due_at = row.waits_until.expect("it waits");
        bench.clock.set_just_before(due_at);
        let early = claim_all(bench, std::slice::from_ref(device), limit(8, 4.5)).await?;
        assert!(matches!(early[..], [Claim::NotDue]), "{early:?}");
        bench.clock.set(due_at);
        assert!(bench.due_from_head(run).await?.contains(&row.session));
        let claims = claim_all(bench, std::slice::from_ref(device), limit(8, 4.5)).await?;
        assert_eq!(granted(&claims), 1, "{claims:?}");
        assert_eq!(bench.row(device).await.waits_until, None);
    }
    Ok(())
}

async fn what_is_postponed_is_as_it_was(bench: &mut Bench) -> Result<(), LedgerError> {
    let (run, _) = elevens_claims(bench).await?;
    let row = bench.row(&devices("alice", 11)[10]).await;
    assert_eq!((row.state, row.fence), (SessionState::Waiting, Fence(0)));
    assert_eq!((row.attempts_spent, row.unknown_outcomes), (0, 0));
    assert_eq!((row.attempt, row.lease_until), (None, None));
    assert!(row.has_token);
    assert_eq!(bench.tables.attempts(row.session).await, []);
    assert_eq!(bench.ledger.books(run).await?.waiting, 3);
    Ok(())
}

async fn other_people_are_not_held_up(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut people = devices("alice", 3);
    people.extend(devices("bob", 2));
    bench.active_run("spring", people.clone()).await?;
    let claims = claim_all(bench, &people, limit(2, 4.5)).await?;
    let which: Vec<_> = claims
        .iter()
        .map(|c| matches!(c, Claim::Postponed))
        .collect();
    assert_eq!(which, [false, false, true, false, false]);
    Ok(())
}

async fn without_a_subject_the_email_tells_who_it_is(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut people = devices("alice", 3);
    for (person, email) in people.iter_mut().zip(["A@b.com", " a@B.com", "c@b.com"]) {
        person.session.facts.subject = None;
        person.session.facts.email = Some(email.to_owned());
    }
    bench.active_run("spring", people.clone()).await?;
    let claims = claim_all(bench, &people, limit(1, 4.5)).await?;
    let which: Vec<_> = claims
        .iter()
        .map(|c| matches!(c, Claim::Postponed))
        .collect();
    assert_eq!(which, [false, true, false]);
    Ok(())
}

async fn who_is_known_by_nothing_is_not_held_up(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut people = devices("alice", 3);
    for person in &mut people {
        person.session.facts.subject = None;
        person.session.facts.email = None;
    }
    bench.active_run("spring", people.clone()).await?;
    let claims = claim_all(bench, &people, limit(1, 4.5)).await?;
    assert_eq!(granted(&claims), 3, "{claims:?}");
    assert_eq!(people_kept(bench).await, 0);
    Ok(())
}

async fn people_kept(bench: &mut Bench) -> i64 {
    let people = "SELECT COUNT(*) FROM subject_budgets";
    bench.tables.number(people).await
}

async fn what_is_held_or_final_takes_no_turn(bench: &mut Bench) -> Result<(), LedgerError> {
    let people = devices("alice", 4);
    bench.active_run("spring", people.clone()).await?;
    bench.lease(&people[0]).await?;
    let lease = bench.lease(&people[1]).await?;
    bench.record(migrated(&lease)).await?;
    let claims = claim_all(bench, &people, limit(2, 4.5)).await?;
    let [
        Claim::HeldElsewhere,
        Claim::Finished,
        Claim::Granted(_),
        Claim::Granted(_),
    ] = &claims[..]
    else {
        panic!("{claims:?}");
    };
    Ok(())
}

async fn a_lease_that_is_over_is_taken_over_and_postponed(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let alice = [alice_active()];
    bench.active_run("spring", alice.clone()).await?;
    let lost = claim_all(bench, &alice, limit(1, 1.0)).await?;
    let Ok([Claim::Granted(lost)]) = <[Claim; 1]>::try_from(lost) else {
        panic!("not granted");
    };
    let lost: Lease = *lost;
    bench.clock.advance(LEASE);
    let claims = claim_all(bench, &alice, limit(1, 1.0)).await?;
    assert!(matches!(claims[..], [Claim::Postponed]), "{claims:?}");
    let row = bench.row(&alice[0]).await;
    assert_eq!((row.state, row.fence), (SessionState::Waiting, Fence(2)));
    assert_eq!(row.unknown_outcomes, 1);
    let listed = bench.tables.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].attempt, lost.attempt);
    assert!(!bench.record(migrated(&lost)).await?, "fenced out");
    Ok(())
}

async fn idle_people_are_forgotten(bench: &mut Bench) -> Result<(), LedgerError> {
    let mut people = devices("alice", 2);
    people.extend(devices("bob", 1));
    bench.active_run("spring", people.clone()).await?;
    claim_all(bench, &people, limit(8, 4.5)).await?;
    assert_eq!(bench.ledger.forget_idle_subjects().await?, 0);
    bench.clock.advance(Duration::from_secs(14));
    assert_eq!(bench.ledger.forget_idle_subjects().await?, 1);
    bench.clock.advance(Duration::from_secs(13));
    assert_eq!(bench.ledger.forget_idle_subjects().await?, 1);
    assert_eq!(people_kept(bench).await, 0);
    Ok(())
}

async fn a_claim_without_a_limit_does_not_look_at_people(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    bench.active_run("spring", devices("alice", 11)).await?;
    bench
        .tables
        .change("DROP TABLE subject_budgets".to_owned())
        .await;
    for device in devices("alice", 11) {
        bench.lease(&device).await?;
    }
    Ok(())
}

/// The crowd's sessions in an organization: each process has one of its own, with the same people.
async fn sessions_at(bench: &mut Bench, organization: u64) -> Vec<SessionId> {
    let organization = format!("organization-{organization}");
    let own: HashSet<_> = a_crowd(CROWD).map(|p| p.at(&organization).key()).collect();
    let rows = bench.tables.sessions().await;
    let own = rows.iter().filter(|row| own.contains(&row.key));
    own.map(|row| row.session).collect()
}

/// All come to a person in the middle, who is kept from them until all wait. Who waits in a circle
/// then fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_with_sessions_of_the_same_people_do_not_wait_in_a_circle()
-> Result<(), LedgerError> {
    let mut bench = postgres().await;
    let terms = limited(limit(1000, 600_000.0));
    let rows = (0..=PROCESSES).flat_map(|process| {
        a_crowd(CROWD).map(move |person| person.at(&format!("organization-{process}")))
    });
    bench.active_run("spring", rows).await?;
    let first = sessions_at(&mut bench, PROCESSES).await;
    bench.ledger.claim(&first, &terms, &mut bench.rng).await?;
    let mut keeper = bench.database.server().connect().await;
    let mut keeps = keeper.begin().await.expect("a connection");
    sqlx::query("SELECT FROM subject_budgets ORDER BY subject OFFSET 30 LIMIT 1 FOR UPDATE")
        .execute(&mut *keeps)
        .await
        .expect("a person");
    let mut workers = JoinSet::new();
    for process in 0..PROCESSES {
        let mut sessions = sessions_at(&mut bench, process).await;
        let ledger = another(&bench).await?;
        let mut rng = StdRng::seed_from_u64(process);
        workers.spawn(async move {
            sessions.shuffle(&mut rng);
            ledger.claim(&sessions, &terms, &mut rng).await
        });
    }
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while bench.tables.number(waiting).await.unsigned_abs() < PROCESSES {
        tokio::task::yield_now().await;
    }
    keeps.rollback().await.expect("a connection");
    for claims in workers.join_all().await {
        let claims = claims?;
        let granted = |claim: &&Claim| matches!(claim, Claim::Granted(_));
        assert_eq!(claims.iter().filter(granted).count(), claims.len());
    }
    Ok(())
}

#[tokio::test]
async fn who_is_asked_about_at_this_moment_is_not_forgotten() -> Result<(), LedgerError> {
    let mut bench = postgres().await;
    bench.active_run("spring", a_crowd(3)).await?;
    let run = bench.begin("spring").await?.id;
    let sessions = bench.due_from_head(run).await?;
    let terms = limited(limit(8, 4.5));
    bench
        .ledger
        .claim(&sessions, &terms, &mut bench.rng)
        .await?;
    bench.clock.advance(Duration::from_mins(1));
    let mut keeper = bench.database.server().connect().await;
    let mut keeps = keeper.begin().await.expect("a connection");
    sqlx::query("SELECT FROM subject_budgets ORDER BY subject LIMIT 1 FOR UPDATE")
        .execute(&mut *keeps)
        .await
        .expect("a person");
    assert_eq!(bench.ledger.forget_idle_subjects().await?, 2);
    keeps.rollback().await.expect("a connection");
    assert_eq!(bench.ledger.forget_idle_subjects().await?, 1);
    Ok(())
}
