use proptest::prelude::*;

use super::*;

const NOW: Moment = Moment::from_micros(1_767_268_800_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn rate(calls: f64) -> Rate {
    Rate::per_second(calls).unwrap()
}

fn request(wanted: u32) -> Request {
    Request {
        wanted: NonZeroU32::new(wanted).unwrap(),
        lead: Duration::from_millis(5),
        horizon: Duration::from_millis(500),
        not_before: Moment::EARLIEST,
        lane: Lane::Bulk,
    }
}

fn granted(grant: Grant) -> Vec<Moment> {
    match grant {
        Grant::Slice(slice) => slice.planned().collect(),
        Grant::Later { .. } => Vec::new(),
    }
}

/// How many sends the fullest sliding window of this length holds.
fn fullest(sends: &mut [Moment], window: Duration) -> usize {
    sends.sort_unstable();
    (0..sends.len())
        .map(|first| sends[first..].partition_point(|send| send.since(sends[first]) < window))
        .max()
        .unwrap_or(0)
}

#[test]
fn a_slice_ends_at_the_horizon_and_the_next_begins_behind_it() {
    let mut budget = Budget::default();
    let first = granted(budget.take(rate(10.0), request(100), NOW));
    assert_eq!(first.len(), 5);
    assert_eq!(first[0], NOW.plus(Duration::from_millis(5)));
    let later = budget.take(rate(10.0), request(100), NOW);
    assert!(matches!(later, Grant::Later { after } if after < SECOND));
    let second = granted(budget.take(rate(10.0), request(1), NOW.plus(SECOND / 2)));
    assert_eq!(second[0], first[4].plus(rate(10.0).spacing()));
}

#[test]
fn nothing_is_saved_up_in_a_quiet_time() {
    let mut budget = Budget::default();
    budget.take(rate(10.0), request(1), NOW);
    let after_an_hour = NOW.plus(Duration::from_hours(1));
    assert_eq!(
        granted(budget.take(rate(10.0), request(100), after_an_hour)).len(),
        5
    );
}

#[test]
fn no_permit_is_planned_before_the_end_of_a_hold() {
    let mut budget = Budget::default();
    let held = Request {
        not_before: NOW.plus(Duration::from_secs(30)),
        ..request(10)
    };
    let Grant::Later { after } = budget.take(rate(10.0), held, NOW) else {
        panic!("granted")
    };
    assert_eq!(after, Duration::from_millis(29_500));
    let planned = granted(budget.take(rate(10.0), held, NOW.plus(after + SECOND / 10)));
    assert_eq!(planned, [held.not_before]);
}

#[test]
fn a_clock_set_back_an_hour_costs_two_seconds() {
    let mut budget = Budget::default();
    budget.take(rate(65.0), request(10), NOW.plus(Duration::from_hours(1)));
    assert!(granted(budget.take(rate(65.0), request(10), NOW)).is_empty());
    let two_seconds_on = NOW.plus(Duration::from_millis(2100));
    assert!(!granted(budget.take(rate(65.0), request(10), two_seconds_on)).is_empty());
}

#[test]
fn the_reserve_is_served_while_the_bulk_takes_all_it_can() {
    let mut budget = Budget::default();
    let reserved = Request {
        lane: Lane::Reserved(RESERVE),
        ..request(1000)
    };
    let (mut bulk, mut sweeper) = (0, 0);
    for tenth in 0..600 {
        let now = NOW.plus(SECOND / 10 * tenth);
        bulk += granted(budget.take(rate(65.0), request(1000), now)).len();
        sweeper += granted(budget.take(rate(65.0), reserved, now)).len();
    }
    // 60 s at 65/s, less the allowance of 2 %: 3,823; one in twenty of it: 191.
    assert!((185..=200).contains(&sweeper), "{sweeper}");
    assert!((3800..=3860).contains(&(bulk + sweeper)), "{bulk}");
}

#[test]
fn without_the_bulk_the_reserve_has_the_whole_rate() {
    let mut budget = Budget::default();
    let reserved = Request {
        lane: Lane::Reserved(RESERVE),
        ..request(1000)
    };
    let taken: usize = (0..100)
        .map(|tenth| budget.take(rate(65.0), reserved, NOW.plus(SECOND / 10 * tenth)))
        .map(|grant| granted(grant).len())
        .sum();
    assert!(taken >= 620, "{taken}");
}

fn any_rate() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::sample::select(vec![1.0, 2.0, 3.0, 4.0, 5.0, 65.0, 500.0]),
        0.05_f64..1.0,
        1.0_f64..100.0,
        (1_u32..600).prop_map(f64::from),
    ]
}

/// A worker's step: a pause in ms, permits wanted, horizon in ms, whether it is the sweeper.
fn any_step() -> impl Strategy<Value = (u64, u32, u64, bool)> {
    (
        0_u64..400,
        1_u32..400,
        1_u64..1500,
        prop::bool::weighted(0.2),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sliding_second_holds_more_than_the_rate(
        calls in any_rate(),
        steps in proptest::collection::vec(any_step(), 1..80),
        uses in proptest::collection::vec(proptest::option::weighted(0.8, 0_u64..20_000), 1..200),
    ) {
        let rate = rate(calls);
        let mut budget = Budget::default();
        let mut now = NOW;
        let mut sends = Vec::new();
        // Each permit is lost or used by whoever has it, anywhere within its life.
        let mut uses = uses.into_iter().cycle();
        for (pause, wanted, horizon, sweeper) in steps {
            now = now.plus(Duration::from_millis(pause));
            let request = Request {
                horizon: Duration::from_millis(horizon),
                lane: if sweeper { Lane::Reserved(RESERVE) } else { Lane::Bulk },
                ..request(wanted)
            };
            for planned in granted(budget.take(rate, request, now)) {
                prop_assert!(planned.since(now) <= 2 * LONGEST_HORIZON);
                sends.extend(uses.next().flatten().map(|late| planned.plus(Duration::from_micros(late))));
            }
        }
        if calls < 1.0 {
            let window = Duration::from_secs_f64(1.0 / calls);
            prop_assert!(fullest(&mut sends, window) <= 1);
        } else {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 600")]
            let most = calls.ceil() as usize;
            prop_assert!(fullest(&mut sends, SECOND) <= most);
        }
    }

    #[test]
    fn a_rate_that_changes_never_lets_through_more_than_its_highest(
        steps in proptest::collection::vec((0_u64..400, 1_u32..100, 1_u32..500), 1..80),
        late in proptest::collection::vec(0_u64..20_000, 1..100),
    ) {
        let mut budget = Budget::default();
        let mut now = NOW;
        let mut sends = Vec::new();
        let mut late = late.into_iter().cycle();
        let mut highest = 0;
        for (pause, wanted, calls) in steps {
            now = now.plus(Duration::from_millis(pause));
            highest = highest.max(calls);
            for planned in granted(budget.take(rate(f64::from(calls)), request(wanted), now)) {
                sends.extend(late.next().map(|late| planned.plus(Duration::from_micros(late))));
            }
        }
        prop_assert!(fullest(&mut sends, SECOND) <= highest as usize);
    }

    #[test]
    fn of_a_rate_that_everybody_uses_95_percent_are_achieved(
        calls in any_rate(),
        workers in 1_u64..9,
        every in 20_u64..250,
    ) {
        let rate = rate(calls);
        let mut budget = Budget::default();
        // So long that one call more or less is less than 1 %.
        let seconds = (100.0 / calls).max(60.0);
        let mut sent = 0_u32;
        let mut now = NOW;
        let end = NOW.plus(Duration::from_secs_f64(seconds));
        while now < end {
            sent += u32::try_from(granted(budget.take(rate, request(20), now)).len()).unwrap();
            now = now.plus(Duration::from_micros(every * 1000 / workers));
            // A worker that got few asks again soon.
            while let Grant::Slice(slice) = budget.take(rate, request(20), now) {
                sent += slice.permits.get();
            }
        }
        prop_assert!(f64::from(sent) >= 0.95 * calls * seconds, "{sent} of {}", calls * seconds);
    }

    /// Migrate calls spend both budgets, the sweeper's only the first.
    #[test]
    fn budgets_that_are_taken_together_hold_each_for_itself(
        (stytch, userinfo) in (2_u32..200, 2_u32..200),
        steps in proptest::collection::vec(any_step(), 1..80),
        late in proptest::collection::vec(0_u64..20_000, 1..100),
    ) {
        let (mut a, mut b) = (Budget::default(), Budget::default());
        let rates = [rate(stytch.into()), rate(userinfo.into())];
        let mut now = NOW;
        let (mut at_stytch, mut at_userinfo) = (Vec::new(), Vec::new());
        let mut late = late.into_iter().cycle();
        for (pause, wanted, horizon, sweeper) in steps {
            now = now.plus(Duration::from_millis(pause));
            let lane = if wanted % 2 == 0 { Lane::Bulk } else { Lane::Reserved(RESERVE) };
            let request = Request { horizon: Duration::from_millis(horizon), lane, ..request(wanted) };
            let mut lines = vec![Line { budget: &mut a, rate: rates[0] }];
            if !sweeper {
                lines.push(Line { budget: &mut b, rate: rates[1] });
            }
            for planned in granted(take(&mut lines, request, now)) {
                let sent = planned.plus(Duration::from_micros(late.next().unwrap()));
                at_stytch.push(sent);
                if !sweeper {
                    at_userinfo.push(sent);
                }
            }
        }
        prop_assert!(fullest(&mut at_stytch, SECOND) <= stytch as usize);
        prop_assert!(fullest(&mut at_userinfo, SECOND) <= userinfo as usize);
    }
}

#[test]
fn together_the_slower_budget_is_used_to_the_full_beside_a_busy_sweeper() {
    let (mut stytch, mut userinfo) = (Budget::default(), Budget::default());
    let reserved = Request {
        lane: Lane::Reserved(RESERVE),
        ..request(3)
    };
    let (mut bulk, mut sweeper) = (0, 0);
    for tenth in 0..600 {
        let now = NOW.plus(SECOND / 10 * tenth);
        let mut both = [
            Line {
                budget: &mut stytch,
                rate: rate(65.0),
            },
            Line {
                budget: &mut userinfo,
                rate: rate(12.5),
            },
        ];
        bulk += granted(take(&mut both, request(100), now)).len();
        sweeper += granted(stytch.take(rate(65.0), reserved, now)).len();
    }
    // 60 s at 12.5/s: 750.
    assert!(bulk >= 712, "{bulk}");
    assert!(sweeper >= 180, "{sweeper}");
}

#[test]
fn without_a_budget_all_that_is_wanted_is_planned_at_once() {
    let planned = granted(take(&mut [], request(7), NOW));
    assert_eq!(planned, [NOW.plus(Duration::from_millis(5)); 7]);
}
