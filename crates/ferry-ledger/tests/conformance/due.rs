//! Who is called next.

use std::time::Duration;

use ferry_core::id::RunId;
use ferry_core::reason::DeadReason;
use ferry_ledger::LedgerError;
use ferry_ledger::due::{Due, DueCursor};

use crate::bench::{Bench, LEASE};
use crate::clock::{NOON, noon_plus};
use crate::ends::{dead, deferred, halted, migrated};
use crate::people::{
    Person, a_crowd, alice_active, bob_expired, carol_active, dave_in_a_hurry, erin_without_email,
};

on_every_backend![
    the_soonest_to_expire_goes_first,
    a_cursor_moves_on_and_a_fresh_one_begins_at_the_head,
    a_waiting_session_is_not_due_before_its_time,
    what_waits_goes_before_what_is_queued,
    a_halted_session_is_found_from_the_head,
    a_session_that_was_left_behind_is_due_when_its_lease_is_over,
    another_runs_sessions_are_not_due,
    what_is_final_is_not_due,
    what_is_due_tells_how_urgent_it_is,
];

/// Who is due from the head of the run, by name.
async fn names_due(bench: &mut Bench, run: RunId) -> Result<Vec<&'static str>, LedgerError> {
    let due = bench.due_from_head(run).await?;
    let mut names = Vec::new();
    for session in due {
        for (name, person) in everybody() {
            let row = bench.tables.session(person.key()).await;
            if row.is_some_and(|row| row.session == session) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn everybody() -> [(&'static str, Person); 5] {
    [
        ("alice", alice_active()),
        ("bob", bob_expired()),
        ("carol", carol_active()),
        ("dave", dave_in_a_hurry()),
        ("erin", erin_without_email()),
    ]
}

async fn the_soonest_to_expire_goes_first(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = everybody().map(|(_, person)| person);
    let run = bench.active_run("spring", rows).await?;
    let due = names_due(bench, run).await?;
    assert_eq!(due, ["dave", "alice", "carol", "erin"]);
    Ok(())
}

async fn a_cursor_moves_on_and_a_fresh_one_begins_at_the_head(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    // All their tokens end at once, so the cursor must tell them apart by id.
    let run = bench.active_run("spring", a_crowd(5)).await?;
    let mut cursor = DueCursor::default();
    let mut seen = Vec::new();
    for expected in [2, 2, 1, 0] {
        let due = bench.due(run, &mut cursor, 2).await?;
        assert_eq!(due.len(), expected);
        seen.extend(due);
    }
    assert_eq!(bench.due_from_head(run).await?, seen);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 5);
    Ok(())
}

async fn a_waiting_session_is_not_due_before_its_time(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    const WAIT: Duration = Duration::from_secs(90);
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(deferred(&lease, WAIT)).await?;
    let end = bench.now().plus(WAIT);
    bench.clock.set_just_before(end);
    assert_eq!(bench.due_from_head(run).await?, []);
    bench.clock.set(end);
    assert_eq!(bench.due_from_head(run).await?, [lease.session]);
    Ok(())
}

async fn what_waits_goes_before_what_is_queued(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [dave_in_a_hurry(), alice_active(), carol_active()];
    let run = bench.active_run("spring", rows).await?;
    for (person, wait) in [(alice_active(), 2), (carol_active(), 1)] {
        let lease = bench.lease(&person).await?;
        let wait = Duration::from_secs(wait);
        bench.record(deferred(&lease, wait)).await?;
    }
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(names_due(bench, run).await?, ["carol", "alice", "dave"]);
    let mut cursor = DueCursor::default();
    assert_eq!(bench.due(run, &mut cursor, 2).await?.len(), 2);
    let dave = bench.session(&dave_in_a_hurry()).await;
    assert_eq!(bench.due(run, &mut cursor, 2).await?, [dave]);
    Ok(())
}

async fn a_halted_session_is_found_from_the_head(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [dave_in_a_hurry(), alice_active()];
    let run = bench.active_run("spring", rows).await?;
    let mut cursor = DueCursor::default();
    bench.due(run, &mut cursor, 100).await?;
    let lease = bench.lease(&dave_in_a_hurry()).await?;
    bench.record(halted(&lease)).await?;
    assert_eq!(bench.due(run, &mut cursor, 100).await?, []);
    assert_eq!(names_due(bench, run).await?, ["dave", "alice"]);
    Ok(())
}

async fn a_session_that_was_left_behind_is_due_when_its_lease_is_over(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let run = bench.active_run("spring", [alice_active()]).await?;
    let lease = bench.lease(&alice_active()).await?;
    assert_eq!(lease.until, NOON.plus(LEASE));
    bench.clock.set_just_before(lease.until);
    assert_eq!(bench.due_from_head(run).await?, []);
    bench.clock.set(lease.until);
    assert_eq!(bench.due_from_head(run).await?, [lease.session]);
    Ok(())
}

async fn another_runs_sessions_are_not_due(bench: &mut Bench) -> Result<(), LedgerError> {
    let spring = bench.active_run("spring", [alice_active()]).await?;
    let rows = [dave_in_a_hurry(), carol_active()];
    let summer = bench.active_run("summer", rows).await?;
    let lease = bench.lease(&carol_active()).await?;
    bench.record(deferred(&lease, Duration::ZERO)).await?;
    assert_eq!(names_due(bench, spring).await?, ["alice"]);
    assert_eq!(names_due(bench, summer).await?, ["carol", "dave"]);
    Ok(())
}

async fn what_is_final_is_not_due(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [alice_active(), bob_expired(), carol_active()];
    let run = bench.active_run("spring", rows).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(migrated(&lease)).await?;
    let lease = bench.lease(&carol_active()).await?;
    bench
        .record(dead(&lease, DeadReason::MemberMissing))
        .await?;
    assert_eq!(bench.due_from_head(run).await?, []);
    Ok(())
}

async fn what_is_due_tells_how_urgent_it_is(bench: &mut Bench) -> Result<(), LedgerError> {
    let rows = [alice_active(), dave_in_a_hurry()];
    let run = bench.active_run("spring", rows).await?;
    let lease = bench.lease(&alice_active()).await?;
    bench.record(deferred(&lease, LEASE)).await?;
    bench.clock.advance(LEASE);
    let due = bench.ledger.due(run, &mut DueCursor::default(), 2).await?;
    let alice = Due {
        session: lease.session,
        urgent_at: NOON.plus(LEASE),
        waiting: true,
    };
    let dave = Due {
        session: bench.session(&dave_in_a_hurry()).await,
        urgent_at: noon_plus(10),
        waiting: false,
    };
    assert_eq!(due, [alice, dave]);
    Ok(())
}
