use proptest::prelude::*;

use super::simulation::{Limit, Setting, simulate};
use super::*;

const NOW: Moment = Moment::from_micros(1_767_268_800_000_000);

fn config(calls: f64) -> CeilingConfig {
    CeilingConfig::of(Rate::per_second(calls).unwrap())
}

fn at(seconds: u64) -> ReadAt {
    let now = NOW.plus(Duration::from_secs(seconds));
    ReadAt {
        now,
        booked_until: now.plus(Duration::from_millis(300)),
    }
}

fn report(ceiling: &Ceiling, allowed: u32, refused: u32) -> Report {
    Report {
        trial: Some(ceiling.trial),
        allowed,
        refused,
        retry_after: None,
    }
}

/// One to four workers, servers whose clock is ahead of ours by as much, with and without
/// `Retry-After`.
fn settings() -> impl Iterator<Item = Setting> {
    (0..4_u32).map(|seed| Setting {
        seed: seed.into(),
        workers: 1 + seed as usize,
        server_ahead: Duration::from_millis(273) * seed,
        retry_after: (seed % 2 == 1).then_some(Duration::from_secs(1)),
    })
}

#[test]
fn half_of_the_configured_rate_is_found_and_kept() {
    for limit in [5_u32, 32, 65, 250, 500] {
        for setting in settings() {
            let seen = simulate(2.0 * f64::from(limit), Limit::fixed(limit), 240, setting);
            let shown = format!("limit {limit}, {setting:?}, {}", seen.show(60..240));
            assert!(seen.refused_share(60..240) < 0.02, "{shown}");
            assert!(seen.used(120..240, limit) >= 0.9, "{shown}");
            let (lowest, highest) = seen.rates(60..240);
            let limit = f64::from(limit);
            assert!(lowest >= (0.9 * limit).min(limit - 1.0), "{shown}");
            assert!(highest <= (1.15 * limit).max(limit + 1.0), "{shown}");
        }
    }
}

#[test]
fn a_limit_that_drops_and_rises_is_followed() {
    for (configured, limit) in [(65.0, 65), (130.0, 65), (1000.0, 500)] {
        for setting in settings() {
            let limits = Limit::from_to(limit, [(60, 5), (240, limit)]);
            let seen = simulate(configured, limits, 420, setting);
            let dropped = seen.show(120..240);
            assert!(
                seen.refused_share(120..240) < 0.02,
                "{dropped}, {setting:?}"
            );
            assert!(seen.used(180..240, 5) >= 0.9, "{dropped}, {setting:?}");
            let risen = seen.show(360..420);
            let kept = if configured > 65.0 { 0.93 } else { 0.95 };
            assert!(seen.used(360..420, limit) >= kept, "{risen}, {setting:?}");
        }
    }
}

#[test]
fn a_limit_that_is_never_reached_costs_nothing() {
    for setting in settings() {
        let seen = simulate(65.0, Limit::fixed(65), 120, setting);
        assert!(seen.refused_share(0..120) < 0.005, "{setting:?}");
        assert!(
            seen.used(1..120, 65) >= 0.95,
            "{setting:?}: {}",
            seen.used(1..120, 65)
        );
    }
}

#[test]
fn three_refusals_halve_an_unproven_rate_and_hold_to_the_next_window() {
    let mut ceiling = Ceiling::new(config(100.0));
    ceiling.observe(report(&ceiling, 50, 2), config(100.0), at(1));
    assert_eq!(
        ceiling.rate(config(100.0)),
        Rate::per_second(100.0).unwrap()
    );
    ceiling.observe(report(&ceiling, 0, 1), config(100.0), at(1));
    assert_eq!(ceiling.rate(config(100.0)), Rate::per_second(50.0).unwrap());
    assert_eq!(ceiling.not_before(at(1).now), at(2).now);
    // The first window of the new rate is no evidence.
    assert_eq!(ceiling.evidence(at(2).now), None);
    assert_eq!(ceiling.evidence(at(3).now), Some(ceiling.trial));
}

#[test]
fn late_answers_to_the_rate_before_change_nothing() {
    let mut ceiling = Ceiling::new(config(100.0));
    let old = report(&ceiling, 0, 50);
    ceiling.observe(old, config(100.0), at(1));
    ceiling.observe(old, config(100.0), at(2));
    ceiling.observe(Report { trial: None, ..old }, config(100.0), at(3));
    assert_eq!(ceiling.rate(config(100.0)), Rate::per_second(50.0).unwrap());
}

#[test]
fn retry_after_is_a_minimum_and_at_most_an_hour() {
    for (asked, held) in [(30, 30), (86_400, 3600)] {
        let mut ceiling = Ceiling::new(config(100.0));
        let told = Report {
            retry_after: Some(Duration::from_secs(asked)),
            ..report(&ceiling, 0, 3)
        };
        ceiling.observe(told, config(100.0), at(1));
        assert_eq!(ceiling.not_before(at(1).now), at(1 + held).now);
    }
}

#[test]
fn a_stray_refusal_holds_nobody() {
    let mut ceiling = Ceiling::new(config(100.0));
    let stray = Report {
        retry_after: Some(Duration::from_mins(10)),
        ..report(&ceiling, 20, 1)
    };
    ceiling.observe(stray, config(100.0), at(1));
    assert!(ceiling.not_before(at(1).now) <= at(1).now);
    assert!(!ceiling.is_lowered(config(100.0)));
}

#[test]
fn a_rate_that_was_not_used_proves_nothing() {
    let mut ceiling = Ceiling::new(config(100.0));
    ceiling.observe(report(&ceiling, 0, 3), config(100.0), at(1));
    for second in 2..60 {
        ceiling.observe(report(&ceiling, 5, 0), config(100.0), at(second));
    }
    assert_eq!(ceiling.rate(config(100.0)), Rate::per_second(50.0).unwrap());
}

#[test]
fn a_lowered_configuration_holds_at_once() {
    let ceiling = Ceiling::new(config(100.0));
    assert_eq!(ceiling.rate(config(12.5)), Rate::per_second(12.5).unwrap());
}

#[test]
fn a_rate_below_one_per_second_is_kept() {
    let mut ceiling = Ceiling::new(config(0.5));
    ceiling.observe(report(&ceiling, 0, 30), config(0.5), at(1));
    assert_eq!(ceiling.rate(config(0.5)), Rate::per_second(0.5).unwrap());
}

#[test]
fn after_a_clock_was_set_back_refusals_still_count() {
    let mut ceiling = Ceiling::new(config(100.0));
    ceiling.observe(report(&ceiling, 0, 3), config(100.0), at(7200));
    let back = at(3600);
    ceiling.observe(Report::default(), config(100.0), back);
    assert!(ceiling.not_before(back.now) <= back.now);
    assert_eq!(ceiling.evidence(back.now), Some(ceiling.trial));
}

#[test]
fn what_is_stored_is_what_is_read() {
    let mut ceiling = Ceiling::new(config(100.0));
    ceiling.observe(report(&ceiling, 7, 3), config(100.0), at(1));
    let stored = serde_json::to_string(&ceiling).unwrap();
    assert_eq!(serde_json::from_str::<Ceiling>(&stored).unwrap(), ceiling);
    assert!(stored.len() < 400, "{stored}");
}

proptest! {
    #[test]
    fn whatever_is_reported_the_rate_keeps_its_bounds(
        configured in 0.01_f64..1000.0,
        reports in proptest::collection::vec(
            (0_u64..20_000, any::<bool>(), 0_u32..2000, 0_u32..50, proptest::option::of(0_u64..1_000_000)),
            0..200,
        ),
    ) {
        let config = config(configured);
        let mut ceiling = Ceiling::new(config);
        let mut now = NOW;
        for (pause, current, allowed, refused, retry_after) in reports {
            now = now.plus(Duration::from_millis(pause));
            let report = Report {
                trial: current.then_some(ceiling.trial),
                allowed,
                refused,
                retry_after: retry_after.map(Duration::from_secs),
            };
            ceiling.observe(report, config, ReadAt { now, booked_until: now });
            let rate = ceiling.rate(config);
            prop_assert!(rate <= config.configured);
            prop_assert!(rate.as_per_second() >= configured.min(1.0));
            prop_assert!(ceiling.not_before(now).since(now) <= Duration::from_hours(1));
            // From some moment on, calls are evidence again.
            let later = now.plus(Duration::from_hours(1) + Duration::from_secs(3));
            prop_assert_eq!(ceiling.evidence(later), Some(ceiling.trial));
        }
    }
}

#[test]
fn a_changed_configuration_takes_effect_at_once() {
    let rate = |calls| config(calls).configured;
    let mut ceiling = Ceiling::new(config(65.0));
    for (before, after) in [(65.0, 100.0), (100.0, 30.0), (30.0, 12.5)] {
        ceiling.reconfigure(rate(before), config(after));
        assert_eq!(ceiling.rate(config(after)), rate(after));
        assert!(!ceiling.is_lowered(config(after)));
    }
}

#[test]
fn a_rate_that_was_found_outlives_a_changed_configuration() {
    let rate = |calls| config(calls).configured;
    let mut ceiling = Ceiling::new(config(64.0));
    ceiling.observe(report(&ceiling, 0, 10), config(64.0), at(0));
    assert_eq!(ceiling.rate(config(64.0)), rate(32.0));
    ceiling.reconfigure(rate(64.0), config(100.0));
    assert_eq!(ceiling.rate(config(100.0)), rate(32.0));
    assert!(ceiling.is_lowered(config(100.0)));
    ceiling.reconfigure(rate(100.0), config(20.0));
    assert_eq!(ceiling.rate(config(20.0)), rate(20.0));
}
