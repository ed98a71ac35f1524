use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Clock, SystemClock};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

async fn service(folder: &tempfile::TempDir) -> Arc<Service> {
    let mut rng = StdRng::seed_from_u64(1);
    let keys = KeyRing::generate("k1", &mut rng);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let file = folder.path().join("ledger.sqlite");
    let ledger = Ledger::open(&file, keys, clock).await.expect("a ledger");
    Service::new(ledger, Some(Queue::embedded(1)), Rates::default())
}

async fn first(service: &Arc<Service>) -> String {
    loop {
        if let Some(text) = service.text() {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_scrapes_soon_after_another_gets_the_same_reading() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let text = first(&service).await;
    assert!(text.contains("ferry_work_queue_messages 0\n"), "{text}");
    for _ in 0..1000 {
        assert_eq!(service.text().as_ref(), Some(&text));
        assert!(!service.state().is_reading);
    }
}

#[tokio::test]
async fn what_is_too_old_is_not_shown_as_if_it_were_true() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    first(&service).await;
    let long_ago = Instant::now()
        .checked_sub(SHOWN_FOR)
        .expect("up for longer");
    {
        let mut state = service.state();
        state.is_reading = true;
        state.last.as_mut().expect("read").at = long_ago;
    }
    assert_eq!(service.text(), None);
    // Reading it takes so long.
    service.state().last.as_mut().expect("read").took = Duration::from_mins(1);
    assert!(service.text().is_some());
}

#[tokio::test]
async fn how_fast_it_goes_is_measured_over_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    first(&service).await;
    service.state().settled.clear();
    let at = |seconds: i64| Timestamp::from_seconds(1_767_268_800 + seconds);
    let told = |seconds, settled| service.settled_per_second(at(seconds), settled);
    let assert_about = |told: f64, expected: f64| assert!((told - expected).abs() < 1e-9, "{told}");
    assert_about(told(0, 1000), 0.0);
    assert_about(told(30, 1300), 10.0);
    assert_about(told(60, 1900), 15.0);
    // From the first within a minute and the one before it.
    assert_about(told(90, 2500), 20.0);
    // A run that was handed over takes its sessions along.
    assert_about(told(120, 100), 0.0);
}
