//! All verbs in any order: what must be true after each step of any history.
//!
//! `step` says what can happen, `play` does it, `promises` holds what must be true afterwards.

mod play;
mod promises;
mod step;

use proptest::test_runner::{Config, TestRunner};

use crate::bench::Bench;

on_every_backend!(search every_history_keeps_the_promises);

/// Enough for a session to be lost, taken over, revived, carried and swept.
const LONGEST_HISTORY: usize = 40;

fn every_history_keeps_the_promises<F: Future<Output = Bench>>(
    open: impl Fn() -> F,
    histories: u32,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let config = Config {
        cases: histories,
        failure_persistence: None,
        max_shrink_iters: 512,
        ..Config::default()
    };
    let any = proptest::collection::vec(step::any(), 1..LONGEST_HISTORY);
    let played = TestRunner::new(config).run(&any, |history| {
        runtime.block_on(async {
            let mut player = play::Player::at(open().await).await;
            for step in &history {
                player.play(step).await;
                player.assert_promises(step).await;
            }
        });
        Ok(())
    });
    played.unwrap_or_else(|failure| panic!("{failure}"));
}
