//! What goes wrong where one rule is broken: each rule is needed, and the search finds holes.

use crate::{
    assert_breaks,
    properties::Breach,
    rules::{
        Cancel, Commits, FindBy, Mark, May, Order, Quiet, RecordNames, Revoke, Rules, Scenario,
        SendWhen, Sweeps, TakeOver, Unanswered,
    },
};

const CANCELLED: Scenario = Scenario {
    cancel: May::Happen,
    ..Scenario::ONE_ROW
};

fn with(rules: Rules, scenario: Scenario) -> Scenario {
    Scenario { rules, ..scenario }
}

#[test]
fn a_blind_retry_without_a_sweep_leaves_extras() {
    let rules = Rules {
        take_over: TakeOver::Blindly,
        sweeps: Sweeps::Never,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, Scenario::ONE_ROW), Breach::ExtraSessionAlive);
}

#[test]
fn a_take_over_that_does_not_list_the_old_attempt_leaves_an_extra() {
    let rules = Rules {
        take_over: TakeOver::Blindly,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, Scenario::ONE_ROW), Breach::ExtraSessionAlive);
}

#[test]
fn a_record_without_the_fence_lets_two_sessions_in() {
    let rules = Rules {
        record_names: RecordNames::OnlyTheRow,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, Scenario::ONE_ROW), Breach::TwoRecordedSessions);
}

#[test]
fn a_record_without_the_fence_keeps_a_session_that_is_swept() {
    let rules = Rules {
        record_names: RecordNames::OnlyTheRow,
        ..Rules::FERRY
    };
    assert_breaks(
        &with(rules, Scenario::ONE_ROW),
        Breach::RecordedSessionRevoked,
    );
}

/// The attempt is listed and swept, and then its first commit lands under the same fence.
#[test]
fn giving_up_an_unanswered_commit_under_the_same_fence_loses_a_recorded_session() {
    let rules = Rules {
        unanswered: Unanswered::RecordsUnknown,
        ..Rules::FERRY
    };
    let scenario = Scenario {
        commits: Commits::MayLandLate,
        ..Scenario::ONE_ROW
    };
    assert_breaks(&with(rules, scenario), Breach::RecordedSessionRevoked);
}

#[test]
fn a_cancel_that_forgets_the_live_attempt_leaves_an_extra() {
    let rules = Rules {
        cancel: Cancel::RaisesFenceOnly,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, CANCELLED), Breach::ExtraSessionAlive);
}

#[test]
fn a_cancel_that_leaves_the_fence_lets_the_row_come_back() {
    let rules = Rules {
        cancel: Cancel::ListsOnly,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, CANCELLED), Breach::CancelledRowCameBack);
}

#[test]
fn a_sweep_without_a_quiet_time_leaves_an_extra() {
    let rules = Rules {
        quiet: Quiet::Missing,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, Scenario::ONE_ROW), Breach::ExtraSessionAlive);
}

/// The worker of a cancelled row may send until its lease is over, for it does not know.
#[test]
fn a_quiet_time_shorter_than_the_lease_leaves_an_extra_of_a_cancelled_row() {
    let rules = Rules {
        quiet: Quiet::OutlastsCallOnly,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, CANCELLED), Breach::ExtraSessionAlive);
}

#[test]
fn a_worker_that_sends_without_a_look_at_its_lease_leaves_an_extra() {
    let rules = Rules {
        send: SendWhen::AtAnyTime,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, Scenario::ONE_ROW), Breach::ExtraSessionAlive);
}

#[test]
fn a_sweep_that_reads_first_and_spares_what_it_read_revokes_a_recorded_session() {
    let rules = Rules {
        order: Order::ReadThenList,
        revoke: Revoke::NeitherRecordedNorRunning,
        ..Rules::FERRY
    };
    assert_breaks(
        &with(rules, Scenario::ONE_ROW),
        Breach::RecordedSessionRevoked,
    );
}

#[test]
fn a_sweep_of_whatever_is_not_recorded_revokes_a_session_about_to_be() {
    let rules = Rules {
        revoke: Revoke::WhateverIsNotRecorded,
        ..Rules::FERRY
    };
    assert_breaks(
        &with(rules, Scenario::ONE_ROW),
        Breach::RecordedSessionRevoked,
    );
}

#[test]
fn a_sweep_by_member_revokes_the_session_of_a_sibling_row() {
    let rules = Rules {
        revoke: Revoke::WholeMember,
        ..Rules::FERRY
    };
    let scenario = Scenario {
        claims_per_row: 1,
        ..Scenario::TWO_ROWS
    };
    assert_breaks(&with(rules, scenario), Breach::RecordedSessionRevoked);
}

#[test]
fn a_sweep_that_marks_what_is_listed_by_its_end_misses_one() {
    let rules = Rules {
        mark: Mark::WhatIsListedByThen,
        ..Rules::FERRY
    };
    assert_breaks(&with(rules, Scenario::ONE_ROW), Breach::ExtraSessionAlive);
}

#[test]
fn a_second_sweep_that_no_longer_counts_swept_attempts_as_listed_misses_the_late_one() {
    let rules = Rules {
        sweeps: Sweeps::Twice,
        revoke: Revoke::UnsweptAttempts,
        ..Rules::FERRY
    };
    let scenario = Scenario {
        outliving_requests: 1,
        ..Scenario::ONE_ROW
    };
    assert_breaks(&with(rules, scenario), Breach::ExtraSessionAlive);
}

#[test]
fn one_sweep_alone_misses_a_request_that_outlives_the_quiet_time() {
    let scenario = Scenario {
        outliving_requests: 1,
        ..Scenario::ONE_ROW
    };
    assert_breaks(&scenario, Breach::ExtraSessionAlive);
}

/// Nobody has seen the reply, so nobody knows under whom to look.
#[test]
fn a_hint_left_by_the_worker_does_not_find_a_lost_reply_for_another_person() {
    let scenario = Scenario {
        foreign_token: May::Happen,
        ..Scenario::ONE_ROW
    };
    for find_by in [FindBy::HintOfAttempt, FindBy::HintOfRow] {
        let rules = Rules {
            find_by,
            ..Rules::FERRY
        };
        assert_breaks(&with(rules, scenario), Breach::ExtraSessionAlive);
    }
}
