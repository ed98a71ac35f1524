use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::failure::FAILURES;
use crate::outcome::{ErrorType, MintedOrganization, MintedSession, Unanswered};

const NOW: Timestamp = Timestamp::from_seconds(1_767_268_800);
const SECOND: Duration = Duration::from_secs(1);

fn alice() -> AttemptedSession<'static> {
    AttemptedSession {
        expected: Expected {
            organization: "acme",
            external_id: None,
            email: Some("alice@example.com"),
        },
        token_expires_at: NOW.plus(Duration::from_hours(1)),
        attempts_spent: 0,
        unknown_outcomes: 0,
    }
}

fn minted_for(email: &str) -> CallOutcome {
    CallOutcome::Minted(Box::new(MintedSession {
        organization: Some(MintedOrganization {
            id: "organization-1".into(),
            slug: "acme".into(),
            external_id: None,
        }),
        member_id: "member-1".into(),
        emails: vec![email.into()],
        external_id: None,
        member_session_id: "session-1".into(),
        session_token: String::new().into(),
        expires_at: NOW,
    }))
}

fn refused_with(status: u16, error_type: &str, retry_after: Option<u64>) -> CallOutcome {
    CallOutcome::Refused(Refusal {
        status,
        error_type: (!error_type.is_empty()).then(|| ErrorType::sanitized(error_type)),
        request_id: None,
        retry_after: retry_after.map(Duration::from_secs),
    })
}

fn judge_it(outcome: &CallOutcome, session: &AttemptedSession<'_>) -> Decision {
    decide(
        outcome,
        session,
        &RetryPolicy::default(),
        NOW,
        &mut StdRng::seed_from_u64(7),
    )
}

#[test]
fn a_429_that_is_not_the_rates_spends_nothing_and_is_bounded_by_the_tokens_life() {
    for name in ["captcha_failed", "too_few_tokens_authenticated"] {
        let waits = |session, retry_after| {
            let decision = judge_it(&refused_with(429, name, retry_after), session);
            assert_eq!(decision.spent, Spent::Nothing);
            assert!(!decision.unresolved);
            decision.disposition
        };
        let worn = AttemptedSession {
            attempts_spent: 7,
            ..alice()
        };
        assert!(matches!(waits(&worn, None), Disposition::Defer { after } if after <= 64 * SECOND));
        let fresh = alice();
        let asked = waits(&fresh, Some(100));
        assert_eq!(
            asked,
            Disposition::Defer {
                after: 100 * SECOND
            }
        );
        let over = AttemptedSession {
            token_expires_at: NOW,
            ..alice()
        };
        assert_eq!(waits(&over, None), Disposition::Skip(SkipReason::Expired));
        let long = Disposition::Halt(PauseCause::LongWait);
        assert_eq!(waits(&fresh, Some(86_400)), long);
    }
}

#[test]
fn the_right_person_is_carried() {
    assert_eq!(
        judge_it(&minted_for("Alice@example.com"), &alice()),
        carried()
    );
}

#[test]
fn another_person_is_a_dead_letter_whose_session_must_go() {
    let decision = judge_it(&minted_for("mallory@example.com"), &alice());
    assert_eq!(
        decision.disposition,
        Disposition::Dead(DeadReason::IdentityMismatch)
    );
    assert!(decision.unresolved);
}

#[test]
fn being_told_to_wait_spends_nothing_and_waits_at_least_as_told() {
    let decision = judge_it(&refused_with(429, "too_many_requests", Some(30)), &alice());
    let Disposition::Defer { after } = decision.disposition else {
        panic!("{decision:?}")
    };
    assert!(after >= Duration::from_secs(30));
    assert_eq!(decision.spent, Spent::Nothing);
}

#[test]
fn a_wait_of_a_day_pauses_the_run() {
    let decision = judge_it(
        &refused_with(429, "too_many_requests", Some(86_400)),
        &alice(),
    );
    assert_eq!(
        decision.disposition,
        Disposition::Halt(PauseCause::LongWait)
    );
    assert_eq!(decision.spent, Spent::Nothing);
}

#[test]
fn a_set_up_fault_halts_and_costs_the_session_nothing() {
    for row in FAILURES {
        let Judgement::SetUp(cause) = row.judgement else {
            continue;
        };
        let decision = judge_it(&refused_with(400, row.error_type, None), &alice());
        assert_eq!(
            decision.disposition,
            Disposition::Halt(cause),
            "{}",
            row.error_type
        );
        assert_eq!(
            (decision.spent, decision.unresolved),
            (Spent::Nothing, false)
        );
    }
}

#[test]
fn an_outage_makes_no_dead_letter() {
    let last = AttemptedSession {
        attempts_spent: 7,
        ..alice()
    };
    let decision = judge_it(&CallOutcome::NotSent(NotSent::Unreachable), &last);
    assert!(
        matches!(decision.disposition, Disposition::Defer { .. }),
        "{decision:?}"
    );
}

#[test]
fn the_last_attempt_makes_a_dead_letter() {
    let last = AttemptedSession {
        attempts_spent: 7,
        ..alice()
    };
    let decision = judge_it(&refused_with(503, "server_unavailable", None), &last);
    assert_eq!(
        decision.disposition,
        Disposition::Dead(DeadReason::AttemptsExhausted)
    );
}

#[test]
fn a_cut_reply_is_retried_and_left_to_the_sweeper_without_spending_an_attempt() {
    let last = AttemptedSession {
        attempts_spent: 7,
        ..alice()
    };
    let decision = judge_it(&CallOutcome::Unanswered(Unanswered::Cut), &last);
    assert!(
        matches!(decision.disposition, Disposition::Retry { .. }),
        "{decision:?}"
    );
    assert!(decision.unresolved);
    assert_eq!(decision.spent, Spent::UnknownOutcome);
}

#[test]
fn a_retry_comes_before_the_token_expires() {
    let hurried = AttemptedSession {
        attempts_spent: 6,
        token_expires_at: NOW.plus(Duration::from_millis(400)),
        ..alice()
    };
    let decision = judge_it(&refused_with(500, "", None), &hurried);
    let Disposition::Retry { after } = decision.disposition else {
        panic!("{decision:?}")
    };
    assert!(after <= Duration::from_millis(200));
}

#[test]
fn in_an_outage_even_the_last_attempt_costs_nothing() {
    let last = AttemptedSession {
        attempts_spent: 7,
        unknown_outcomes: 39,
        ..alice()
    };
    let wait = Duration::from_secs(15);
    for outcome in [
        refused_with(503, "", None),
        CallOutcome::Unanswered(Unanswered::TimedOut),
    ] {
        let decision = judge_it(&outcome, &last).in_outage(wait);
        assert_eq!(
            (decision.disposition, decision.spent),
            (Disposition::Defer { after: wait }, Spent::Nothing)
        );
        assert!(decision.unresolved);
    }
}

#[test]
fn what_is_not_of_the_outage_stays_as_it_was_decided() {
    for outcome in [
        minted_for("alice@example.com"),
        refused_with(404, "member_not_found", None),
        refused_with(401, "unauthorized_credentials", None),
        refused_with(429, "too_many_requests", Some(3)),
    ] {
        let decision = judge_it(&outcome, &alice());
        assert_eq!(decision.in_outage(Duration::from_secs(15)), decision);
    }
}

fn any_outcome() -> impl Strategy<Value = CallOutcome> {
    let refused = (
        400_u16..600,
        0..FAILURES.len() + 1,
        proptest::option::of(0_u64..200_000),
    );
    prop_oneof![
        "[a-z]{1,5}@example.com".prop_map(|email| minted_for(&email)),
        refused.prop_map(|(status, index, wait)| {
            refused_with(
                status,
                FAILURES.get(index).map_or("unheard_of", |r| r.error_type),
                wait,
            )
        }),
        Just(CallOutcome::NotSent(NotSent::Unreachable)),
        Just(CallOutcome::NotSent(NotSent::LeaseTooShort)),
        Just(CallOutcome::Unanswered(Unanswered::TimedOut)),
        Just(CallOutcome::Unanswered(Unanswered::Unreadable)),
    ]
}

proptest! {
    #[test]
    fn every_outcome_has_a_decision_that_keeps_the_promises(
        outcome in any_outcome(),
        attempts_spent in 0_u32..20,
        unknown_outcomes in 0_u32..60,
        left in 0_u64..100_000,
        seed in any::<u64>(),
    ) {
        let session = AttemptedSession {
            attempts_spent,
            unknown_outcomes,
            token_expires_at: NOW.plus(Duration::from_secs(left)),
            ..alice()
        };
        let policy = RetryPolicy::default();
        let decision = decide(&outcome, &session, &policy, NOW, &mut StdRng::seed_from_u64(seed));
        match decision.disposition {
            Disposition::Migrated => prop_assert!(decision.class.is_none() && !decision.unresolved),
            // Waiting and halting cost the session nothing.
            Disposition::Defer { .. } | Disposition::Halt(_) => {
                prop_assert_eq!(decision.spent, Spent::Nothing);
            }
            // Nobody is retried for ever.
            Disposition::Retry { .. } => {
                let within_bound = match decision.spent {
                    Spent::Attempt => attempts_spent + 1 < policy.max_attempts,
                    Spent::UnknownOutcome => unknown_outcomes + 1 < policy.max_unknown_outcomes,
                    Spent::Nothing => false,
                };
                prop_assert!(within_bound);
            }
            Disposition::Skip(_) | Disposition::Dead(_) => prop_assert!(decision.class.is_some()),
        }
        // What may have been minted is never forgotten.
        if matches!(outcome, CallOutcome::Unanswered(_)) {
            prop_assert!(decision.unresolved);
        }
    }
}
