//! With a real ledger and real time: only order and numbers are told, for a busy machine is late.

use std::sync::atomic::{AtomicUsize, Ordering};

use ferry_core::budget::Rate;
use ferry_core::ceiling::CeilingConfig;
use ferry_core::outcome::{ErrorType, Refusal};
use ferry_ledger::SystemClock;
use ferry_ledger::seal::KeyRing;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::*;

const CLAIM: Duration = Duration::from_millis(2);

async fn ledger() -> (Ledger, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyRing::generate("k1", &mut StdRng::seed_from_u64(1));
    let path = folder.path().join("ledger.sqlite");
    let clock = Arc::new(SystemClock::start());
    (Ledger::open(&path, keys, clock).await.unwrap(), folder)
}

fn line(name: BudgetName, per_second: f64) -> BudgetLine {
    BudgetLine {
        name,
        ceiling: CeilingConfig::of(Rate::per_second(per_second).unwrap()),
    }
}

fn limiter(ledger: &Ledger, per_second: f64) -> Arc<Limiter> {
    Limiter::new(ledger.clone(), vec![line(BudgetName::Stytch, per_second)])
}

fn planned(permit: &Permit) -> Moment {
    permit.planned().unwrap().at
}

/// Uses so many permits, a few at a time; their planned times.
async fn use_up(limiter: Arc<Limiter>, calls: usize) -> Vec<Moment> {
    let mut used = Vec::new();
    while used.len() < calls {
        for permit in limiter.bulk(calls - used.len(), CLAIM).await {
            let permit = permit.opened().await;
            let window = permit.planned().unwrap().window;
            assert!(limiter.now() >= window.opens, "before its window");
            used.push(planned(&permit));
            let _ = permit.leave();
        }
    }
    used
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_share_a_ledger_never_plan_two_calls_nearer_than_the_rate_allows() {
    let (ledger, _folder) = ledger().await;
    let rate = 200.0;
    let processes = (0..3).map(|_| tokio::spawn(use_up(limiter(&ledger, rate), 40)));
    let mut used = Vec::new();
    for process in processes {
        used.extend(process.await.unwrap());
    }
    used.sort_unstable();
    let spacing = Rate::per_second(rate).unwrap().spacing();
    let nearest = used.windows(2).map(|two| two[1].since(two[0])).min();
    assert!(nearest.unwrap() >= spacing, "{nearest:?}");
    assert_eq!(used.len(), 120);
}

#[tokio::test]
async fn the_lower_of_two_rates_spaces_the_calls_that_spend_both() {
    let (ledger, _folder) = ledger().await;
    let lines = vec![
        line(BudgetName::Stytch, 500.0),
        line(BudgetName::Userinfo, 50.0),
    ];
    let limiter = Limiter::new(ledger, lines);
    let used = use_up(Arc::clone(&limiter), 5).await;
    let spacing = Rate::per_second(50.0).unwrap().spacing();
    assert!(used.windows(2).all(|two| two[1].since(two[0]) >= spacing));
}

#[tokio::test]
async fn nobody_books_more_than_is_wanted_and_the_idle_nothing() {
    let (ledger, _folder) = ledger().await;
    let limiter = limiter(&ledger, 100.0);
    assert_eq!(ledger.budgets().await.unwrap(), []);
    let permits = limiter.bulk(3, CLAIM).await;
    let first = planned(&permits[0]);
    let booked = ledger.budgets().await.unwrap()[0].budget.next_at;
    let spacing = Rate::per_second(100.0).unwrap().spacing();
    assert_eq!(booked.since(first), 3 * spacing);
    assert!(!limiter.state().is_asking);
}

#[tokio::test]
async fn without_a_line_the_ledger_is_not_asked() {
    let (ledger, _folder) = ledger().await;
    let limiter = Limiter::new(ledger.clone(), Vec::new());
    assert_eq!(limiter.bulk(1000, CLAIM).await.len(), 1000);
    limiter.reserved().await.unwrap();
    let permit = limiter.bulk(1, CLAIM).await.pop().unwrap();
    limiter.answered(permit.opened().await.leave(), &refused());
    assert_eq!(ledger.budgets().await.unwrap(), []);
    assert_eq!(limiter.limits_now(), None);
}

fn refused() -> CallOutcome {
    CallOutcome::Refused(Refusal {
        status: 429,
        error_type: Some(ErrorType::sanitized("too_many_requests")),
        request_id: None,
        retry_after: Some(Duration::from_mins(10)),
    })
}

/// Until it is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_refusal_is_reported_at_once_and_its_wait_holds_for_all_processes() {
    let (ledger, _folder) = ledger().await;
    let refused_process = limiter(&ledger, 100.0);
    for permit in refused_process.bulk(3, CLAIM).await {
        let evidence = permit.opened().await.leave();
        refused_process.answered(evidence, &refused());
    }
    // One permit may come alone: three refusals are needed.
    while refused_process.limits_now() != Some(Limit::AskedToWait) {
        let bulk = refused_process.bulk(1, CLAIM);
        let Ok(permits) = tokio::time::timeout(Duration::from_millis(50), bulk).await else {
            continue;
        };
        for permit in permits {
            let evidence = permit.opened().await.leave();
            refused_process.answered(evidence, &refused());
        }
    }
    let other = limiter(&ledger, 100.0);
    let waiting = tokio::spawn({
        let other = Arc::clone(&other);
        async move { other.bulk(1, CLAIM).await }
    });
    until(|| other.limits_now() == Some(Limit::AskedToWait)).await;
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_ledger_that_is_away_gives_no_permit() {
    let (ledger, _folder) = ledger().await;
    let limiter = limiter(&ledger, 100.0);
    ledger.close().await;
    let waiting = tokio::spawn({
        let limiter = Arc::clone(&limiter);
        async move { limiter.bulk(1, CLAIM).await }
    });
    until(|| limiter.limits_now() == Some(Limit::Ledger)).await;
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bulk_does_not_starve_calls_of_the_reserve() {
    let (ledger, _folder) = ledger().await;
    let limiter = limiter(&ledger, 20.0);
    let carried = Arc::new(AtomicUsize::new(0));
    let bulk = tokio::spawn({
        let (limiter, carried) = (Arc::clone(&limiter), Arc::clone(&carried));
        async move {
            loop {
                for permit in limiter.bulk(128, CLAIM).await {
                    let _ = permit.opened().await.leave();
                    carried.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    until(|| limiter.limits_now() == Some(Limit::Stytch)).await;
    for _ in 0..2 {
        limiter.reserved().await.unwrap();
    }
    let before = carried.load(Ordering::Relaxed);
    until(|| carried.load(Ordering::Relaxed) > before).await;
    bulk.abort();
}

#[tokio::test]
async fn who_gives_up_waiting_is_not_counted_any_more() {
    let (ledger, _folder) = ledger().await;
    let limiter = limiter(&ledger, 1.0);
    let waiting = tokio::time::timeout(CLAIM, limiter.bulk(50, CLAIM));
    drop(waiting.await);
    let another = tokio::time::timeout(CLAIM, limiter.another());
    drop(another.await);
    let state = limiter.state();
    assert_eq!((state.wanted, state.claimed), (0, 0));
}

#[test]
fn who_uses_permits_steadily_is_expected_to_go_on_and_the_idle_is_not() {
    let mut used = Use::default();
    let mut now = Duration::ZERO;
    for _ in 0..10 {
        now += STEADY / 4;
        used.count += 25;
        used.expected(now);
    }
    assert_eq!(used.expected(now), 100);
    used.count += 25;
    assert_eq!(used.expected(now + 100 * STEADY), 0);
}
