//! What the protocol promises, and keeps.

use std::collections::HashSet;

use crate::{
    assert_keeps_promises,
    model::State,
    properties::{extra_sessions, is_at_rest, is_at_rest_after_first_sweep},
    rules::{
        Commits, FindBy, May, Order, RecordNames, Revoke, Rules, Scenario, Sweeps, Unanswered,
    },
    search::Explored,
    steps::Act,
};

/// Each attempt is swept once more at the end of the run.
const SWEPT_TWICE: Rules = Rules {
    sweeps: Sweeps::Twice,
    ..Rules::FERRY
};

#[test]
fn one_session_survives_crashes_losses_pauses_and_duplicate_messages() {
    assert_keeps_promises(&Scenario::ONE_ROW);
}

#[test]
fn a_commit_that_lands_after_the_row_was_read_again_changes_nothing() {
    assert_keeps_promises(&Scenario {
        commits: Commits::MayLandLate,
        ..Scenario::ONE_ROW
    });
}

#[test]
fn a_cancelled_row_never_comes_back_and_leaves_nothing_alive() {
    assert_keeps_promises(&Scenario {
        cancel: May::Happen,
        commits: Commits::MayLandLate,
        ..Scenario::ONE_ROW
    });
}

#[test]
fn two_rows_of_one_member_keep_a_session_each_whatever_fails() {
    let commits = Commits::AreAnswered;
    assert_keeps_promises(&Scenario {
        claims_per_row: 2,
        commits,
        ..Scenario::TWO_ROWS
    });
}

#[test]
fn two_rows_of_one_member_survive_cancel_late_commits_and_two_sweepers() {
    assert_keeps_promises(&Scenario {
        cancel: May::Happen,
        commits: Commits::MayLandLate,
        sweeper_take_overs: 1,
        ..Scenario::TWO_ROWS
    });
}

#[test]
fn two_sweepers_that_take_the_lease_from_each_other_revoke_nothing_recorded() {
    let two_take_overs = Scenario {
        sweeper_take_overs: 2,
        ..Scenario::ONE_ROW
    };
    assert_keeps_promises(&Scenario {
        claims_per_row: 2,
        ..two_take_overs
    });
    assert_keeps_promises(&Scenario {
        claims_per_row: 1,
        rows: 2,
        ..two_take_overs
    });
}

#[test]
fn a_request_that_outlives_the_quiet_time_leaves_one_extra_until_the_second_sweep() {
    let scenario = Scenario {
        rules: SWEPT_TWICE,
        outliving_requests: 1,
        ..Scenario::ONE_ROW
    };
    let explored = assert_keeps_promises(&scenario);
    let most_extra = |is_counted: fn(&Scenario, &State) -> bool| {
        let counted = explored
            .states
            .iter()
            .filter(|state| is_counted(&scenario, state));
        counted.map(|state| extra_sessions(state).len()).max()
    };
    assert_eq!(most_extra(is_at_rest_after_first_sweep), Some(1));
    assert_eq!(most_extra(is_at_rest), Some(0));
}

#[test]
fn a_late_request_of_one_row_does_no_harm_to_its_sibling() {
    assert_keeps_promises(&Scenario {
        rules: SWEPT_TWICE,
        outliving_requests: 1,
        cancel: May::Happen,
        ..Scenario::TWO_ROWS
    });
}

#[test]
fn a_session_for_another_person_is_found_by_asking_whom_the_token_names() {
    let scenario = Scenario {
        rules: Rules {
            find_by: FindBy::AskingUserInfo,
            ..Rules::FERRY
        },
        claims_per_row: 2,
        cancel: May::Happen,
        foreign_token: May::Happen,
        ..Scenario::ONE_ROW
    };
    assert_keeps_promises(&Scenario {
        commits: Commits::MayLandLate,
        ..scenario
    });
    assert_keeps_promises(&Scenario {
        rows: 2,
        claims_per_row: 1,
        ..scenario
    });
}

/// An attempt that is listed is never recorded afterwards, so that it does not matter when the list
/// was read. The order is a second line of defence.
#[test]
fn where_only_listed_attempts_are_revoked_the_order_of_the_readings_is_free() {
    let rules = Rules {
        order: Order::ReadThenList,
        ..Rules::FERRY
    };
    assert_keeps_promises(&Scenario {
        rules,
        cancel: May::Happen,
        ..Scenario::ONE_ROW
    });
}

#[test]
fn a_sweep_by_what_is_neither_recorded_nor_running_is_safe_if_it_lists_first() {
    let rules = Rules {
        revoke: Revoke::NeitherRecordedNorRunning,
        ..Rules::FERRY
    };
    assert_keeps_promises(&Scenario {
        rules,
        cancel: May::Happen,
        ..Scenario::ONE_ROW
    });
}

#[test]
fn a_worker_may_give_up_an_unanswered_commit_where_record_names_the_state_too() {
    let rules = Rules {
        record_names: RecordNames::FenceAndState,
        unanswered: Unanswered::RecordsUnknown,
        ..Rules::FERRY
    };
    assert_keeps_promises(&Scenario {
        rules,
        claims_per_row: 2,
        cancel: May::Happen,
        commits: Commits::MayLandLate,
        ..Scenario::ONE_ROW
    });
}

#[test]
fn the_search_takes_two_states_for_one_only_where_it_makes_no_difference() {
    let one_row = Scenario {
        claims_per_row: 2,
        cancel: May::Happen,
        ..Scenario::ONE_ROW
    };
    let late_commit = Scenario {
        commits: Commits::MayLandLate,
        ..one_row
    };
    let two_sweepers = Scenario {
        claims_per_row: 1,
        sweeper_take_overs: 2,
        ..one_row
    };
    let late_request = Scenario {
        rules: SWEPT_TWICE,
        outliving_requests: 1,
        ..one_row
    };
    for scenario in [Scenario::TWO_ROWS, late_commit, two_sweepers, late_request] {
        let (every, _) = Explored::search_up_to(|state| *state, &scenario, |_| false);
        let (reduced, _) = Explored::search(&scenario, |_| false);
        println!(
            "{} states, {} of them different",
            every.states.len(),
            reduced.states.len()
        );
        let form = |state: &State| state.canonical(&scenario);
        let every: HashSet<_> = every.states.iter().map(form).collect();
        let reduced: HashSet<_> = reduced.states.iter().map(form).collect();
        assert!(every == reduced);
    }
}

#[test]
fn every_kind_of_step_is_taken() {
    let two_claims = Scenario {
        claims_per_row: 2,
        ..Scenario::ONE_ROW
    };
    let two_sweepers = Scenario {
        claims_per_row: 1,
        sweeper_take_overs: 1,
        outliving_requests: 1,
        cancel: May::Happen,
        commits: Commits::MayLandLate,
        ..Scenario::ONE_ROW
    };
    let foreign = Scenario {
        foreign_token: May::Happen,
        ..two_claims
    };
    let acts = [two_claims, two_sweepers, foreign]
        .map(|scenario| Explored::search(&scenario, |_| false).0.acts);
    assert_eq!(
        acts.into_iter().fold(0, |all, acts| all | acts),
        Act::ALL_BITS
    );
}
