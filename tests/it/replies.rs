//! Replies that tell nothing, and look-ups that fail: what was minted is found all the same.

use ferry_sim::{Faults, Population};

use crate::support::{Crossing, Outcome};

/// Fault 25.
#[tokio::test(flavor = "multi_thread")]
async fn fault_25_replies_that_cannot_be_read_leave_no_second_session_alive() {
    let faults = Faults {
        cut_in_reply: 0.05,
        bad_json: 0.05,
        no_session_token: 0.05,
        huge_body: 0.02,
        ..Faults::default()
    };
    let crossing = Crossing::new(Population::new(400, 250), faults).await;
    let outcome = crossing.run().await;
    outcome.assert_says(0, &[]);
    assert!(outcome.audit("revoked") > 20, "{}", outcome.report());
    crossing.assert_all_crossed(&outcome).await;
}

/// One reply in ten is lost, and the look-ups go wrong like this.
fn lost_replies(looks: Faults) -> Faults {
    Faults {
        cut_after_minting: 0.1,
        ..looks
    }
}

/// Fault 31.
#[tokio::test(flavor = "multi_thread")]
async fn fault_31_the_sweep_goes_on_through_a_late_list_limits_and_failures() {
    let faults = lost_replies(Faults {
        list_failures: 0.2,
        list_lag_ms: 300,
        list_per_second: Some(20),
        revoke_failures: 0.2,
        member_failures: 0.2,
        ..Faults::default()
    });
    let crossing = Crossing::new(Population::new(200, 310), faults).await;
    let outcome = crossing.run().await;
    outcome.assert_says(0, &[]);
    assert!(outcome.audit("revoked") > 5, "{}", outcome.report());
    crossing.assert_all_crossed(&outcome).await;
}

/// Fault 31.
#[tokio::test(flavor = "multi_thread")]
async fn fault_31_a_run_whose_attempts_cannot_be_looked_up_is_not_finished_before_they_are() {
    let faults = lost_replies(Faults {
        list_failures: 1.0,
        ..Faults::default()
    });
    let crossing = Crossing::new(Population::new(100, 311), faults).await;
    let mut command = crossing.run_command();
    command.args(["--audit-timeout", "2"]);
    let auditing = Outcome::of(command).await;
    assert_eq!(auditing.code, Some(5), "{}", auditing.standard_error);
    assert_eq!(auditing.report()["state"], "auditing");
    assert!(auditing.audit("unresolved") > 0, "{}", auditing.report());
    crossing.simulator.set_faults(Faults::default());
    let outcome = crossing.run().await;
    outcome.assert_says(0, &[]);
    crossing.assert_all_crossed(&outcome).await;
}
