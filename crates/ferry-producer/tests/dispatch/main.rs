//! Dispatching to a real broker that loses its queue. The rest of dispatching is shown from
//! outside, by whole crossings.

mod bench;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ferry_producer::dispatch::DispatchError;

use crate::bench::{Bench, SESSIONS};

/// Longer than dispatching waits for a missing queue, on a busy machine.
const LONG: Duration = Duration::from_mins(1);

/// Fault 03: it ends with an error, and what was not published is not counted as such.
#[tokio::test(flavor = "multi_thread")]
async fn a_work_queue_that_nobody_declares_again_ends_dispatching_and_all_stay_due() {
    let bench = Bench::new().await;
    bench.delete_work_queue().await;
    let began = Instant::now();
    let dispatched = tokio::time::timeout(LONG, bench.dispatch()).await;
    let error = dispatched
        .expect("it gives up")
        .expect_err("the queue is gone");
    assert!(
        matches!(&error, DispatchError::Queue(error) if error.is_missing()),
        "{error}"
    );
    assert!(
        began.elapsed() > Duration::from_secs(10),
        "a consumer would have had the time to declare it"
    );
    let books = bench.ledger.books(bench.run).await.expect("books");
    assert_eq!(books.queued, SESSIONS);
    bench.clean_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_queue_that_is_declared_again_gets_all_that_is_due_again() {
    let bench = Bench::new().await;
    // It holds all and acknowledges none, as workers do that are busy.
    let consumer = bench.queue.consume(500).await.expect("the broker takes us");
    let watching = async {
        for _ in 0..2 {
            let mut came = HashSet::new();
            while came.len() < usize::try_from(SESSIONS).expect("a few") {
                came.insert(consumer.next().await.message.session);
            }
            bench.delete_work_queue().await;
        }
        bench.stop.cancel();
    };
    let (dispatched, ()) =
        tokio::time::timeout(LONG, async { tokio::join!(bench.dispatch(), watching) })
            .await
            .expect("all come twice");
    dispatched.expect("the queue came back");
    consumer.close().await;
    bench.clean_up().await;
}
