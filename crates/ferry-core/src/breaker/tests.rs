use proptest::prelude::*;

use super::*;
use crate::outcome::{ErrorType, Refusal};

const SECOND: Duration = Duration::from_secs(1);

fn admitted(breaker: &mut Breaker, wanted: u32, now: Duration) -> (u32, Ticket) {
    match breaker.admit(wanted, now) {
        Admission::Calls { count, ticket } => (count, ticket),
        Admission::Wait { .. } => (0, Ticket::default()),
    }
}

/// Makes this many calls at once, all with this result.
fn calls(breaker: &mut Breaker, wanted: u32, health: Health, now: Duration) -> u32 {
    let (count, ticket) = admitted(breaker, wanted, now);
    for _ in 0..count {
        breaker.record(ticket, health, now);
    }
    count
}

fn open(now: Duration) -> Breaker {
    let mut breaker = Breaker::new(BreakerConfig::default());
    calls(&mut breaker, 10, Health::Failed, now);
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn ten_failures_in_a_row_open_it() {
    let mut breaker = Breaker::new(BreakerConfig::default());
    calls(&mut breaker, 90, Health::Answered, SECOND);
    calls(&mut breaker, 9, Health::Failed, SECOND);
    assert_eq!(breaker.state(), BreakerState::Closed);
    calls(&mut breaker, 1, Health::Failed, SECOND);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(calls(&mut breaker, 5, Health::Answered, SECOND), 0);
}

#[test]
fn a_quarter_of_all_calls_opens_it_a_tenth_does_not() {
    for (every, expected) in [(4, BreakerState::Open), (10, BreakerState::Closed)] {
        let mut breaker = Breaker::new(BreakerConfig::default());
        for call in 0..1000 {
            let failed = call % every == 3;
            let health = if failed {
                Health::Failed
            } else {
                Health::Answered
            };
            calls(&mut breaker, 1, health, SECOND);
            if breaker.state() == BreakerState::Open {
                break;
            }
        }
        assert_eq!(breaker.state(), expected, "one in {every}");
    }
}

#[test]
fn what_is_no_outage_never_opens_it() {
    let mut breaker = Breaker::new(BreakerConfig::default());
    for _ in 0..1000 {
        calls(&mut breaker, 1, Health::Unknown, SECOND);
        calls(&mut breaker, 1, Health::Answered, SECOND);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn canaries_come_one_by_one_then_in_doubling_stages() {
    let mut breaker = open(SECOND);
    let mut stages = Vec::new();
    while breaker.state() != BreakerState::Closed {
        stages.push(calls(&mut breaker, 1000, Health::Answered, 2 * SECOND));
    }
    assert_eq!(stages, [1, 2, 4, 8, 16, 32]);
}

#[test]
fn while_canaries_are_under_way_nobody_else_goes() {
    let mut breaker = open(SECOND);
    let (count, ticket) = admitted(&mut breaker, 5, 2 * SECOND);
    assert_eq!(count, 1);
    assert_eq!(admitted(&mut breaker, 5, 2 * SECOND).0, 0);
    breaker.record(ticket, Health::Unknown, 2 * SECOND);
    assert_eq!(admitted(&mut breaker, 5, 2 * SECOND).0, 1);
}

#[test]
fn rests_double_up_to_the_longest() {
    let mut breaker = open(SECOND);
    let mut now = SECOND;
    let mut rests = Vec::new();
    for _ in 0..6 {
        let Admission::Wait { after } = breaker.admit(1, now) else {
            panic!("admitted while open")
        };
        rests.push(after.as_secs());
        now += after;
        assert_eq!(calls(&mut breaker, 3, Health::Failed, now), 1);
    }
    assert_eq!(rests, [1, 2, 4, 8, 15, 15]);
}

#[test]
fn lost_canaries_are_replaced_and_count_no_more() {
    let mut breaker = open(SECOND);
    let (_, lost) = admitted(&mut breaker, 1, 2 * SECOND);
    let later = 33 * SECOND;
    let (count, _) = admitted(&mut breaker, 1, later);
    assert_eq!(count, 1);
    breaker.record(lost, Health::Failed, later);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn only_outages_count() {
    let refused = |status, name: &str| {
        CallOutcome::Refused(Refusal {
            status,
            error_type: Some(ErrorType::sanitized(name)),
            request_id: None,
            retry_after: None,
        })
    };
    for (outcome, health) in [
        (refused(500, "internal_server_error"), Health::Failed),
        (refused(499, "client_closed_request"), Health::Failed),
        (refused(429, "too_many_requests"), Health::Answered),
        (refused(429, "captcha_failed"), Health::Answered),
        (refused(401, "unauthorized_credentials"), Health::Answered),
        (refused(404, "member_not_found"), Health::Answered),
        (CallOutcome::NotSent(NotSent::Unreachable), Health::Failed),
        (
            CallOutcome::NotSent(NotSent::LeaseTooShort),
            Health::Unknown,
        ),
        (
            CallOutcome::Unanswered(Unanswered::TimedOut),
            Health::Failed,
        ),
        (
            CallOutcome::Unanswered(Unanswered::Unreadable),
            Health::Unknown,
        ),
    ] {
        assert_eq!(Health::of(&outcome), health, "{outcome:?}");
    }
}

proptest! {
    /// Whatever happened before, and however results were lost or late.
    #[test]
    fn it_closes_again_after_an_outage(
        steps in proptest::collection::vec((0_u64..5000, 1_u32..50, 0_u8..4, any::<bool>()), 0..200),
    ) {
        let mut breaker = Breaker::new(BreakerConfig::default());
        let mut now = Duration::ZERO;
        let mut under_way = Vec::new();
        for (pause, wanted, result, keep) in steps {
            now += Duration::from_millis(pause);
            let (count, ticket) = admitted(&mut breaker, wanted, now);
            under_way.extend((0..count).map(|_| ticket));
            let health = [Health::Answered, Health::Failed, Health::Failed, Health::Unknown][usize::from(result)];
            if !keep {
                for ticket in under_way.drain(..) {
                    breaker.record(ticket, health, now);
                }
            }
        }
        // The outage ends; calls under way are lost.
        let end = now;
        while now < end + 50 * SECOND {
            calls(&mut breaker, 10, Health::Answered, now);
            now += SECOND / 10;
        }
        prop_assert_eq!(breaker.state(), BreakerState::Closed);
    }

    /// An outage of 10 minutes at 30 % or 100 % failures: how many calls fail while it is open or
    /// half-open is bounded, and none while it is open.
    #[test]
    fn few_calls_are_spent_on_an_outage(all_fail in any::<bool>(), seed in any::<u64>()) {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        let mut breaker = Breaker::new(BreakerConfig::default());
        let mut failed = 0;
        for tenth in 0..6000_u32 {
            let now = SECOND / 10 * tenth;
            let (count, ticket) = admitted(&mut breaker, 6, now);
            for _ in 0..count {
                let fails = all_fail || rng.random_bool(0.3);
                failed += u32::from(fails);
                breaker.record(ticket, if fails { Health::Failed } else { Health::Answered }, now);
            }
        }
        // Without a breaker: 36,000 or 10,800.
        prop_assert!(failed < if all_fail { 70 } else { 3600 }, "{failed}");
    }
}
