//! Rates that all workers share.

use std::num::NonZeroU32;
use std::time::Duration;

use ferry_core::budget::{Grant, Lane, Moment, PERMIT_LIFE, RESERVE, Rate, Request, Slice};
use ferry_core::ceiling::{CeilingConfig, Report};
use ferry_ledger::budgets::{Answer, Ask, BudgetLine, BudgetName};
use ferry_ledger::{Clock, Ledger, LedgerError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use crate::backends::keys;
use crate::bench::Bench;
use crate::clock::NOON;

on_every_backend![
    a_slice_is_taken_once,
    no_second_holds_more_than_the_limit,
    the_clock_is_told_in_microseconds,
    reports_of_one_lower_the_rate_of_all,
    calls_are_held_as_long_as_stytch_asks,
    reports_alone_take_nothing,
    a_clock_that_is_set_back_an_hour_costs_two_seconds,
    a_clock_that_is_set_back_ends_a_hold,
    refused_after_the_clock_was_set_back_calls_are_held_for_seconds,
    permits_of_two_budgets_have_one_time,
    the_reserved_share_comes_behind_what_is_booked,
    a_changed_rate_takes_effect_at_the_next_ask,
    a_ceiling_of_another_version_begins_anew,
    budgets_are_shown_as_they_are,
];

const SECOND: Duration = Duration::from_secs(1);
const HORIZON: Duration = Duration::from_millis(500);

fn rate(calls: u32) -> Rate {
    Rate::per_second(calls.into()).expect("a rate")
}

fn line(name: BudgetName, calls: u32) -> BudgetLine {
    BudgetLine {
        name,
        ceiling: CeilingConfig::of(rate(calls)),
    }
}

fn stytch(calls: u32) -> BudgetLine {
    line(BudgetName::Stytch, calls)
}

fn request(wanted: u32) -> Request {
    Request {
        wanted: NonZeroU32::new(wanted).expect("at least one"),
        lead: Duration::ZERO,
        horizon: HORIZON,
        not_before: Moment::EARLIEST,
        lane: Lane::Bulk,
    }
}

async fn ask(
    ledger: &Ledger,
    line: BudgetLine,
    request: Request,
    reports: &[Report],
) -> Result<Answer, LedgerError> {
    let reports: Vec<_> = reports.iter().map(|report| (line.name, *report)).collect();
    let ask = Ask {
        lines: &[line],
        reports: &reports,
        request: Some(request),
    };
    ledger.ask(&ask).await
}

fn slice(answer: &Answer) -> Option<Slice> {
    match answer.grant {
        Some(Grant::Slice(slice)) => Some(slice),
        _ => None,
    }
}

/// The permits of a line of its own.
async fn permits(
    ledger: &Ledger,
    line: BudgetLine,
    request: Request,
) -> Result<Vec<Moment>, LedgerError> {
    let slice = slice(&ask(ledger, line, request, &[]).await?);
    Ok(slice.into_iter().flat_map(Slice::planned).collect())
}

async fn another(bench: &Bench) -> Result<Ledger, LedgerError> {
    bench.database.open(keys(), bench.clock.clone()).await
}

async fn a_slice_is_taken_once(bench: &mut Bench) -> Result<(), LedgerError> {
    let other = another(bench).await?;
    let first = permits(&bench.ledger, stytch(10), request(3)).await?;
    let second = permits(&other, stytch(10), request(100)).await?;
    let third = permits(&bench.ledger, stytch(10), request(100)).await?;
    assert_eq!((first.len(), second.len(), third.len()), (3, 2, 0));
    assert_eq!(second[0], first[2].plus(rate(10).spacing()));
    Ok(())
}

/// Three processes that all begin without a row, ask at once, by both lanes, and move the clock.
async fn no_second_holds_more_than_the_limit(bench: &mut Bench) -> Result<(), LedgerError> {
    const LIMIT: u32 = 20;
    let processes = [
        another(bench).await?,
        another(bench).await?,
        bench.ledger.clone(),
    ];
    let mut rng = StdRng::seed_from_u64(5);
    let mut planned = Vec::new();
    for _ in 0..40 {
        let mut asks = JoinSet::new();
        for ledger in processes.clone() {
            let mut request = request(rng.random_range(1..15));
            request.lead = Duration::from_millis(rng.random_range(0..50));
            if rng.random_bool(0.3) {
                request.lane = Lane::Reserved(RESERVE);
            }
            asks.spawn(async move { permits(&ledger, stytch(LIMIT), request).await });
        }
        for taken in asks.join_all().await {
            planned.extend(taken?);
        }
        bench
            .clock
            .advance(Duration::from_millis(rng.random_range(0..300)));
    }
    planned.sort_unstable();
    assert!(planned.len() > LIMIT as usize * 2, "{}", planned.len());
    // The earlier may be sent as late as its permit lives.
    for sends in planned.windows(LIMIT as usize + 1) {
        let apart = sends[LIMIT as usize].since(sends[0]);
        assert!(apart >= SECOND + PERMIT_LIFE, "{apart:?}");
    }
    Ok(())
}

async fn the_clock_is_told_in_microseconds(bench: &mut Bench) -> Result<(), LedgerError> {
    let now = Moment::from(NOON).plus(Duration::from_micros(1));
    bench.clock.set_moment(now);
    let answer = ask(&bench.ledger, stytch(10), request(1), &[]).await?;
    assert_eq!(answer.now, now);
    assert_eq!(slice(&answer).map(|slice| slice.first), Some(now));
    assert!(answer.asked <= answer.answered);
    Ok(())
}

/// What the calls of this answer's permits came to.
fn refused(answer: &Answer, retry_after: Option<Duration>) -> Report {
    let planned = slice(answer).expect("permits").first;
    Report {
        trial: answer.ceilings[0].1.evidence(planned),
        allowed: 0,
        refused: 10,
        retry_after,
    }
}

async fn reports_of_one_lower_the_rate_of_all(bench: &mut Bench) -> Result<(), LedgerError> {
    let other = another(bench).await?;
    let answer = ask(&bench.ledger, stytch(64), request(10), &[]).await?;
    let report = refused(&answer, None);
    let told = ask(&bench.ledger, stytch(64), request(1), &[report]).await?;
    assert!(slice(&told).is_none(), "until the edge of the window");
    bench.clock.advance(2 * SECOND);
    let answer = ask(&other, stytch(64), request(10), &[]).await?;
    assert_eq!(slice(&answer).expect("permits").spacing, rate(32).spacing());
    let (name, ceiling) = &answer.ceilings[0];
    assert_eq!(*name, BudgetName::Stytch);
    assert_eq!(ceiling.rate(stytch(64).ceiling), rate(32));
    // The same again is of the rate before, and says nothing of this one.
    let answer = ask(&other, stytch(64), request(1), &[report]).await?;
    assert_eq!(answer.ceilings[0].1.rate(stytch(64).ceiling), rate(32));
    Ok(())
}

async fn calls_are_held_as_long_as_stytch_asks(bench: &mut Bench) -> Result<(), LedgerError> {
    const WAIT: Duration = Duration::from_secs(30);
    const ALMOST: Duration = Duration::from_secs(29);
    let answer = ask(&bench.ledger, stytch(64), request(10), &[]).await?;
    let report = refused(&answer, Some(WAIT));
    ask(&bench.ledger, stytch(64), request(1), &[report]).await?;
    bench.clock.advance(ALMOST);
    let other = another(bench).await?;
    assert_eq!(permits(&other, stytch(64), request(1)).await?, []);
    bench.clock.advance(SECOND);
    let planned = permits(&other, stytch(64), request(1)).await?;
    assert_eq!(planned, [Moment::from(NOON).plus(WAIT)]);
    Ok(())
}

async fn reports_alone_take_nothing(bench: &mut Bench) -> Result<(), LedgerError> {
    let answer = ask(&bench.ledger, stytch(64), request(10), &[]).await?;
    let before = bench.ledger.budgets().await?[0].budget;
    let ask = Ask {
        lines: &[stytch(64)],
        reports: &[(BudgetName::Stytch, refused(&answer, None))],
        request: None,
    };
    let answer = bench.ledger.ask(&ask).await?;
    assert_eq!(answer.grant, None);
    assert_eq!(answer.ceilings[0].1.rate(stytch(64).ceiling), rate(32));
    assert_eq!(bench.ledger.budgets().await?[0].budget, before);
    Ok(())
}

fn set_back_an_hour(bench: &Bench) {
    let hour = Duration::from_hours(1);
    bench.clock.set_moment(bench.clock.moment().minus(hour));
}

/// Fault 37.
async fn a_clock_that_is_set_back_an_hour_costs_two_seconds(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    permits(&bench.ledger, stytch(10), request(100)).await?;
    set_back_an_hour(bench);
    let later = ask(&bench.ledger, stytch(10), request(1), &[]).await?.grant;
    let Some(Grant::Later { after }) = later else {
        panic!("{later:?}");
    };
    assert!(after <= 2 * SECOND, "{after:?}");
    bench.clock.advance(after + rate(10).spacing());
    assert_eq!(
        permits(&bench.ledger, stytch(10), request(1)).await?.len(),
        1
    );
    Ok(())
}

/// Fault 37.
async fn a_clock_that_is_set_back_ends_a_hold(bench: &mut Bench) -> Result<(), LedgerError> {
    let answer = ask(&bench.ledger, stytch(64), request(1), &[]).await?;
    let report = refused(&answer, Some(30 * SECOND));
    ask(&bench.ledger, stytch(64), request(1), &[report]).await?;
    set_back_an_hour(bench);
    ask(&bench.ledger, stytch(64), request(1), &[]).await?;
    bench.clock.advance(2 * SECOND);
    assert_eq!(
        permits(&bench.ledger, stytch(64), request(1)).await?.len(),
        1
    );
    Ok(())
}

async fn refused_after_the_clock_was_set_back_calls_are_held_for_seconds(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let answer = ask(&bench.ledger, stytch(64), request(1), &[]).await?;
    set_back_an_hour(bench);
    let report = refused(&answer, None);
    let answer = ask(&bench.ledger, stytch(64), request(1), &[report]).await?;
    assert_eq!(answer.ceilings[0].1.rate(stytch(64).ceiling), rate(32));
    bench.clock.advance(4 * SECOND);
    let planned = permits(&bench.ledger, stytch(64), request(1)).await?;
    assert_eq!(planned.len(), 1);
    Ok(())
}

async fn permits_of_two_budgets_have_one_time(bench: &mut Bench) -> Result<(), LedgerError> {
    permits(&bench.ledger, line(BudgetName::Userinfo, 5), request(1)).await?;
    let lines = [line(BudgetName::Userinfo, 5), stytch(65)];
    let ask = Ask {
        lines: &lines,
        reports: &[],
        request: Some(request(2)),
    };
    let answer = bench.ledger.ask(&ask).await?;
    let both = slice(&answer).expect("permits");
    assert_eq!(both.first, answer.now.plus(rate(5).spacing()));
    assert_eq!(both.spacing, rate(5).spacing());
    let told: Vec<_> = answer.ceilings.iter().map(|(name, _)| *name).collect();
    assert_eq!(told, [BudgetName::Userinfo, BudgetName::Stytch]);
    let last = both.first.plus(both.spacing);
    for row in bench.ledger.budgets().await? {
        assert_eq!(row.budget.next_at, last.plus(row.configured.spacing()));
    }
    Ok(())
}

async fn the_reserved_share_comes_behind_what_is_booked(
    bench: &mut Bench,
) -> Result<(), LedgerError> {
    let bulk = permits(&bench.ledger, stytch(20), request(100)).await?;
    assert_eq!(permits(&bench.ledger, stytch(20), request(1)).await?, []);
    let reserved = Request {
        lane: Lane::Reserved(RESERVE),
        ..request(5)
    };
    let planned = permits(&bench.ledger, stytch(20), reserved).await?;
    let last = bulk.last().expect("permits");
    assert_eq!(planned, [last.plus(rate(20).spacing())]);
    assert_eq!(
        permits(&another(bench).await?, stytch(20), reserved).await?,
        []
    );
    Ok(())
}

async fn a_changed_rate_takes_effect_at_the_next_ask(bench: &mut Bench) -> Result<(), LedgerError> {
    for calls in [10, 50, 20] {
        let answer = ask(&bench.ledger, stytch(calls), request(2), &[]).await?;
        assert_eq!(
            slice(&answer).expect("permits").spacing,
            rate(calls).spacing()
        );
        assert_eq!(bench.ledger.budgets().await?[0].configured, rate(calls));
        bench.clock.advance(SECOND);
    }
    Ok(())
}

async fn a_ceiling_of_another_version_begins_anew(bench: &mut Bench) -> Result<(), LedgerError> {
    permits(&bench.ledger, stytch(10), request(3)).await?;
    let change = "UPDATE budgets SET ceiling = '{\"version\":9}'";
    bench.tables.change(change.to_owned()).await;
    assert_eq!(bench.ledger.budgets().await?, []);
    let planned = permits(&bench.ledger, stytch(10), request(100)).await?;
    assert_eq!(planned.len(), 2, "what is booked stays so");
    Ok(())
}

async fn budgets_are_shown_as_they_are(bench: &mut Bench) -> Result<(), LedgerError> {
    assert_eq!(bench.ledger.budgets().await?, []);
    let answer = ask(&bench.ledger, stytch(10), request(3), &[]).await?;
    let shown = bench.ledger.budgets().await?;
    assert_eq!(shown.len(), 1);
    assert_eq!(
        (shown[0].name, shown[0].configured),
        (BudgetName::Stytch, rate(10))
    );
    assert_eq!(shown[0].ceiling, answer.ceilings[0].1);
    let booked = Moment::from(NOON).plus(3 * rate(10).spacing());
    assert_eq!(shown[0].budget.next_at, booked);
    Ok(())
}
