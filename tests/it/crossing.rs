//! An export crosses, once, whatever Stytch does.

use ferry_sim::{Faults, Population};

use crate::support::{Crossing, Outcome};

#[tokio::test(flavor = "multi_thread")]
async fn a_faultless_export_crosses_with_one_call_for_each_session() {
    let crossing = Crossing::new(Population::new(300, 1), Faults::default()).await;
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.standard_error);
    assert_eq!(crossing.audit().await.minted, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realistic_export_crosses_through_faults_and_every_row_is_accounted_for() {
    let crossing = Crossing::new(Population::realistic(1000, 2), Faults::realistic(2)).await;
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
    // Some members are missing, and some tokens refused.
    assert_eq!(outcome.code, Some(3), "{}", outcome.standard_error);
    assert_eq!(outcome.failures("expired"), crossing.summary.expired);
    assert_eq!(
        outcome.failures("member_missing"),
        crossing.summary.member_missing
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_export_again_calls_nothing_and_changes_nothing() {
    let crossing = Crossing::new(Population::realistic(200, 3), Faults::default()).await;
    let first = crossing.run().await;
    let minted = crossing.audit().await.minted;
    let second = crossing.run().await;
    assert_eq!(second.books(), first.books());
    assert_eq!(crossing.audit().await.minted, minted);
    assert_eq!(second.code, first.code);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_for_another_person_is_revoked_at_once_and_dead() {
    let faults = Faults {
        wrong_identity: 0.2,
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(100, 4), faults).await;
    let outcome = crossing.run().await;
    let mismatches = outcome.failures("identity_mismatch");
    assert!(mismatches > 0, "{}", outcome.standard_output);
    let audit = crossing.audit().await;
    assert_eq!((audit.extra_alive, audit.mapped_not_alive), (0, 0));
    assert_eq!(audit.mapped + mismatches, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_pause_the_run_and_cost_no_session() {
    let crossing = Crossing::new(Population::new(50, 5), Faults::default()).await;
    crossing.simulator.set_faults(Faults {
        wrong_credentials: true,
        ..Faults::default()
    });
    let refused = crossing.run().await;
    assert_eq!(refused.code, Some(4), "{}", refused.standard_error);
    assert!(
        refused.standard_error.contains("FERRY_STYTCH__SECRET"),
        "{}",
        refused.standard_error
    );
    crossing.simulator.set_faults(Faults::default());
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_userinfo_url_pauses_the_run_and_the_same_command_goes_on_when_mended() {
    let faults = Faults {
        userinfo_missing: true,
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(50, 6), faults).await;
    let paused = crossing.run().await;
    assert_eq!(paused.code, Some(4), "{}", paused.standard_error);
    assert_eq!(paused.report()["pause_cause"], "userinfo_url_missing");
    assert_eq!((paused.books().dead, paused.books().queued), (0, 50));
    crossing.simulator.set_faults(Faults::default());
    let outcome = crossing.run().await;
    crossing.assert_all_crossed(&outcome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_run_from_another_shell() {
    let crossing = Crossing::new(Population::new(40, 7), Faults::default()).await;
    let outcome = crossing.run().await;
    let status = Outcome::of(crossing.command(&["status", "test", "--json"])).await;
    assert_eq!(status.books(), outcome.books());
    assert_eq!(status.report()["state"], "finished");
    let unknown = Outcome::of(crossing.command(&["status", "nobody"])).await;
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.standard_error.contains("nobody"),
        "{}",
        unknown.standard_error
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_project_crosses_with_the_same_ledger_and_report() {
    let crossing = Crossing::new(Population::realistic(300, 8), Faults::realistic(8)).await;
    let mut command = crossing.run_command();
    command.env("FERRY_STYTCH__API", "consumer");
    let outcome = Outcome::of(command).await;
    crossing.assert_all_crossed(&outcome).await;
}
