//! What every queue must do, wherever it is.
//!
//! A case is a function that takes a fresh, empty queue. `on_every_place!` makes one test per
//! place of it; a place is one line in `places` and a way to make a fresh queue there.
//!
//! | module | what it shows |
//! |---|---|
//! | `publish` | what is published arrives, and is counted |
//! | `consume` | prefetch, acknowledgement, what a lost consumer had in hand |
//! | `dead_letters` | the dead-letter queue |
//! | `embedded` | what only the embedded queue promises |

#[path = "../support/mod.rs"]
mod support;

/// Makes one test per place of each case.
macro_rules! on_every_place {
    ($($case:ident),+ $(,)?) => {
        on_place!(embedded, $($case),+);
        on_place!(rabbitmq, $($case),+);
    };
}

/// Makes the tests of one place: `super::$case` with a queue from `places::$place`.
macro_rules! on_place {
    ($place:ident, $($case:ident),+) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() -> Result<(), ferry_queue::QueueError> {
                    let place = crate::places::$place().await;
                    super::$case(&place.queue).await?;
                    place.clean_up().await;
                    Ok(())
                }
            )+
        }
    };
}

mod consume;
mod dead_letters;
mod embedded;
mod places;
mod publish;
