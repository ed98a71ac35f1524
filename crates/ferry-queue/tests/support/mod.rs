//! What both suites need: messages, waiting, and the broker past the queue.

mod raw;

use std::ops::Range;
use std::time::Duration;

use ferry_core::id::{RunId, SessionId};
use ferry_queue::{AmqpUrl, Consumer, Delivery, Message, Queue, Settings};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

pub(crate) use raw::Raw;

/// Longer than anything here should take on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);
/// So long nothing comes: then nothing will.
pub(crate) const QUIET: Duration = Duration::from_millis(700);
/// Between two looks at what no event tells.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Messages for these sessions of run 1.
pub(crate) fn messages(ids: Range<i64>) -> Vec<Message> {
    let run = RunId(1);
    let sessions = ids.map(SessionId);
    sessions.map(|session| Message { run, session }).collect()
}

pub(crate) fn rng() -> StdRng {
    StdRng::try_from_rng(&mut SysRng).expect("the system has random numbers")
}

/// A prefix that no other test uses.
pub(crate) fn fresh_prefix() -> String {
    format!("test-{:016x}", rng().next_u64())
}

/// The settings for a broker, with this prefix.
pub(crate) fn settings(url: &str, prefix: &str) -> Settings {
    Settings {
        prefix: prefix.to_owned(),
        ..Settings::new(AmqpUrl::parse(url).expect("a good URL"))
    }
}

/// The queue on a broker, under a fresh prefix, and the broker past it.
pub(crate) async fn on_broker(url: &str) -> (Queue, Raw) {
    let prefix = fresh_prefix();
    let queue = Queue::connect(settings(url, &prefix), &mut rng()).await;
    let queue = queue.expect("the broker takes us");
    (queue, Raw::connect(url, &prefix).await)
}

/// The next delivery, which must come.
pub(crate) async fn next(consumer: &Consumer) -> Delivery {
    tokio::time::timeout(LONG, consumer.next())
        .await
        .expect("a message comes")
}

/// So many deliveries, which must come.
pub(crate) async fn take(consumer: &Consumer, how_many: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::with_capacity(how_many);
    while deliveries.len() < how_many {
        deliveries.push(next(consumer).await);
    }
    deliveries
}

/// Nothing comes for a while.
pub(crate) async fn assert_quiet(consumer: &Consumer) {
    let came = tokio::time::timeout(QUIET, consumer.next()).await;
    assert!(came.is_err(), "{came:?}");
}

/// Sessions in order, to compare.
pub(crate) fn sorted(messages: impl IntoIterator<Item = Message>) -> Vec<i64> {
    let mut ids: Vec<_> = messages
        .into_iter()
        .map(|message| message.session.0)
        .collect();
    ids.sort_unstable();
    ids
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, limit: Duration, mut so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !so().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let found = tokio::time::timeout(limit, looking).await;
    found.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"));
}
