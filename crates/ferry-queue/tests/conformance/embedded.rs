//! What only the embedded queue promises. The broker's side of the first is fault 05.

use ferry_queue::Queue;

use crate::support::{messages, next, take};

#[tokio::test]
async fn publishing_waits_while_the_queue_is_full() {
    let queue = Queue::embedded(2);
    let clone = queue.clone();
    let publishing = tokio::spawn(async move { clone.publish(&messages(0..5)).await });
    let consumer = queue.consume(10).await.expect("it is embedded");
    for expected in messages(0..5) {
        assert_eq!(next(&consumer).await.message, expected);
        assert!(queue.depth().await.expect("it is embedded") <= 2);
    }
    let published = publishing.await.expect("it ends once there is room");
    published.expect("it is embedded");
}

#[tokio::test]
async fn what_comes_again_keeps_its_place() {
    let queue = Queue::embedded(10);
    queue
        .publish(&messages(0..4))
        .await
        .expect("it is embedded");
    let lost = queue.consume(10).await.expect("it is embedded");
    let deliveries = take(&lost, 3).await;
    lost.ack(&[deliveries[0].tag]);
    drop(lost);
    let consumer = queue.consume(10).await.expect("it is embedded");
    for expected in messages(1..4) {
        assert_eq!(next(&consumer).await.message, expected);
    }
}
