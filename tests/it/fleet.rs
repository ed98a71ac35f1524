//! Processes that share PostgreSQL and RabbitMQ.

mod at_rest;
mod broker_lost;
mod claims;
mod control;
mod database;
mod dead;
mod journey;
mod kills;
mod rates;
mod readiness;
mod signals;
mod singletons;

use ferry_sim::{Faults, Population};

use crate::support::{Fleet, Outcome};

/// A few percent of everything that a retry mends, but refusals for the rate: at random they would be
/// taken for a limit, and slow a paced worker down.
fn faults_but_429(seed: u64) -> Faults {
    Faults {
        error_429: 0.0,
        ..Faults::realistic(seed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_enqueues_and_two_carry_all_whatever_stytch_does() {
    let fleet = Fleet::new(Population::realistic(1500, 40), Faults::realistic(40)).await;
    let enqueued = fleet.enqueue().await;
    assert_eq!(enqueued.books().migrated, 0);
    let (one, other) = tokio::join!(
        Outcome::of(fleet.work_command()),
        Outcome::of(fleet.work_command())
    );
    one.assert_says(0, &["worker left"]);
    other.assert_says(0, &["worker left"]);
    fleet.assert_all_crossed().await;
}

/// Fault 02.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_two_enqueue_at_once_is_registered_once() {
    let fleet = Fleet::new(Population::realistic(30_000, 41), Faults::default()).await;
    let (one, other) = tokio::join!(
        Outcome::of(fleet.enqueue_command()),
        Outcome::of(fleet.enqueue_command())
    );
    for outcome in [&one, &other] {
        outcome.assert_says(0, &[]);
        let books = outcome.books();
        assert!(books.balance(), "{books:?}");
        assert_eq!(books.exported, fleet.crossing.summary.rows, "{books:?}");
    }
    assert_eq!(one.books(), other.books());
    let again = fleet.enqueue().await;
    assert_eq!(again.books(), one.books());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_runs_an_export_in_a_fleet_too() {
    let fleet = Fleet::new(Population::realistic(600, 42), Faults::realistic(42)).await;
    let run = ["run", "sessions.csv", "--run", "test", "--json"];
    let outcome = Outcome::of(fleet.command(&run)).await;
    assert_eq!(
        outcome.code,
        Some(3),
        "dead letters are left: {}",
        outcome.standard_error
    );
    fleet.assert_all_crossed().await;
}
