//! What only a broker can get wrong.
//!
//! | module | what it shows |
//! |---|---|
//! | `missing` | queue, binding or dead-letter queue deleted under us |
//! | `refused` | settings that are wrong, and what is said about them |
//! | `poison` | messages that nobody can use |
//! | `pressure` | a full queue, alarms, impatience, closed connections: one private broker |
//! | `restart` | SIGKILL while publishing and consuming: one private broker |
//! | `freeze` | SIGSTOP: one private broker; half-open connections: a proxy |

#[path = "../support/mod.rs"]
mod support;

mod freeze;
mod missing;
mod poison;
mod pressure;
mod refused;
mod restart;
mod strangers;

use std::sync::atomic::{AtomicU64, Ordering};

use ferry_testbed::rabbitmq::PrivateBroker;
use ferry_testbed::{SharedBroker, shared_broker};

/// The broker that tests share.
async fn shared() -> SharedBroker {
    show_log();
    shared_broker()
        .await
        .unwrap_or_else(|none| panic!("{none}"))
}

/// A broker of our own.
fn private(settings: &str, advanced: &str) -> PrivateBroker {
    show_log();
    PrivateBroker::start(settings, advanced).unwrap_or_else(|none| panic!("{none}"))
}

/// Shows what was logged, if the test fails.
fn show_log() {
    let log = tracing_subscriber::fmt().with_test_writer();
    // An error means that it is shown already.
    let _ = log.with_max_level(tracing::Level::INFO).try_init();
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
