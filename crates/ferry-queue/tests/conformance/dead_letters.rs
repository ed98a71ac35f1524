//! The dead-letter queue.

use ferry_core::reason::DeadReason;
use ferry_queue::{Cause, DeadLetter, Message, Queue, QueueError};

use crate::support::{LONG, assert_quiet, messages, next, until};

on_every_place![
    dead_letters_are_counted_and_taken_out_the_oldest_first,
    what_a_walk_finds_is_there_again_unless_it_was_removed,
    a_mirrored_letter_arrives_by_itself,
    a_refused_message_is_a_dead_letter_with_its_cause,
];

fn dead(message: Message, reason: DeadReason) -> DeadLetter {
    DeadLetter {
        message: Some(message),
        cause: Cause::Session(reason),
    }
}

async fn dead_letters_are_counted_and_taken_out_the_oldest_first(
    queue: &Queue,
) -> Result<(), QueueError> {
    let letters: Vec<_> = messages(0..5)
        .into_iter()
        .map(|message| dead(message, DeadReason::MemberMissing))
        .collect();
    queue.publish_dead(&letters).await?;
    until("5 lie there", LONG, async || {
        queue.count_dead().await.ok() == Some(5)
    })
    .await;
    assert_eq!(queue.drain_dead(2).await?, letters[..2]);
    assert_eq!(queue.drain_dead(100).await?, letters[2..]);
    assert_eq!(queue.drain_dead(100).await?, []);
    assert_eq!(queue.count_dead().await?, 0);
    assert_eq!(queue.depth().await?, 0, "the work queue has its own");
    Ok(())
}

async fn what_a_walk_finds_is_there_again_unless_it_was_removed(
    queue: &Queue,
) -> Result<(), QueueError> {
    let letters: Vec<_> = messages(0..4)
        .into_iter()
        .map(|message| dead(message, DeadReason::MemberMissing))
        .collect();
    queue.publish_dead(&letters).await?;
    until("4 lie there", LONG, async || {
        queue.count_dead().await.ok() == Some(4)
    })
    .await;
    let mut walk = queue.walk_dead().await?;
    let found = walk.next(2).await?;
    assert!(found.iter().all(|found| found.foreign.is_none()));
    walk.remove().await?;
    // What comes meanwhile lies behind the walk's end.
    queue.publish_dead(&letters[..1]).await?;
    assert_eq!(walk.next(1).await?[0].letter, letters[2]);
    assert_eq!(walk.next(100).await?[0].letter, letters[3]);
    assert!(walk.next(100).await?.is_empty());
    walk.close().await?;
    until("3 lie there", LONG, async || {
        queue.count_dead().await.ok() == Some(3)
    })
    .await;
    let mut left = queue.drain_dead(100).await?;
    left.sort_by_key(|letter| letter.message.map(|message| message.session));
    assert_eq!(left, [letters[0], letters[2], letters[3]]);
    Ok(())
}

async fn a_mirrored_letter_arrives_by_itself(queue: &Queue) -> Result<(), QueueError> {
    let letter = dead(messages(7..8)[0], DeadReason::TokenRefused);
    queue.mirror_dead(vec![]);
    queue.mirror_dead(vec![letter]);
    until("it lies there", LONG, async || {
        queue.count_dead().await.ok() == Some(1)
    })
    .await;
    assert_eq!(queue.drain_dead(10).await?, [letter]);
    Ok(())
}

/// Fault 15, the unknown id.
async fn a_refused_message_is_a_dead_letter_with_its_cause(
    queue: &Queue,
) -> Result<(), QueueError> {
    queue.publish(&messages(0..2)).await?;
    let consumer = queue.consume(10).await?;
    let unknown = next(&consumer).await;
    consumer.refuse(unknown, Cause::UnknownSession);
    let known = next(&consumer).await;
    consumer.ack(&[known.tag]);
    until("it lies there", LONG, async || {
        queue.count_dead().await.ok() == Some(1)
    })
    .await;
    let letter = DeadLetter {
        message: Some(unknown.message),
        cause: Cause::UnknownSession,
    };
    assert_eq!(queue.drain_dead(10).await?, [letter]);
    consumer.close().await;
    let consumer = queue.consume(10).await?;
    assert_quiet(&consumer).await;
    Ok(())
}
