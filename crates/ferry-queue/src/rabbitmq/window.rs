//! One round of publishing: a bounded window of unconfirmed messages, and a barrier at its end.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, PublisherConfirm};

use crate::counters::{Counters, add};
use crate::rabbitmq::letter::Letter;
use crate::rabbitmq::link::Link;
use crate::{Message, QueueError};

/// Where and how to publish.
pub(super) struct Window<'a> {
    pub(super) link: &'a Link,
    pub(super) channel: &'a Channel,
    pub(super) exchange: ShortString,
    pub(super) size: usize,
    pub(super) confirm_timeout: Duration,
    pub(super) counters: &'a Counters,
}

/// What came of a round. What is in neither list is on the broker's disks.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Indices of messages that the broker refused for the moment.
    pub(super) refused: Vec<usize>,
    /// Messages that came back because no queue wants them.
    pub(super) returned: Vec<Message>,
    /// How many came back, foreign ones included.
    pub(super) returned_count: usize,
}

#[derive(Default)]
struct Answers {
    refused: HashSet<usize>,
    returned: HashSet<ShortString>,
}

impl Window<'_> {
    /// Publishes all letters and waits until every one of them is answered.
    ///
    /// lapin hangs a returned message on whichever confirm comes next, so what came back is told
    /// by message id, and only when all answers are in.
    pub(super) async fn publish(&self, letters: &[&Letter]) -> Result<Round, QueueError> {
        let mut answers = Answers::default();
        let mut under_way = VecDeque::with_capacity(self.size.min(letters.len()));
        for (index, letter) in letters.iter().enumerate() {
            if under_way.len() >= self.size {
                self.settle(&mut under_way, &mut answers).await?;
            }
            under_way.push_back((index, self.send(letter).await?));
        }
        while !under_way.is_empty() {
            self.settle(&mut under_way, &mut answers).await?;
        }
        Ok(self.sum_up(letters, &answers))
    }

    async fn send(&self, letter: &Letter) -> Result<PublisherConfirm, QueueError> {
        add(&self.counters.published, 1);
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let sending = self.channel.basic_publish(
            self.exchange.clone(),
            letter.key.into(),
            options,
            &letter.body,
            letter.properties.clone(),
        );
        self.link
            .patiently(self.confirm_timeout, "publishing", sending)
            .await
    }

    /// Waits for the oldest.
    async fn settle(
        &self,
        under_way: &mut VecDeque<(usize, PublisherConfirm)>,
        answers: &mut Answers,
    ) -> Result<(), QueueError> {
        let Some((index, confirm)) = under_way.pop_front() else {
            return Ok(());
        };
        let confirmation = self
            .link
            .patiently(self.confirm_timeout, "confirming", confirm)
            .await?;
        if confirmation.is_nack() || confirmation == Confirmation::NotRequested {
            answers.refused.insert(index);
        }
        if let Some(message) = confirmation.take_message() {
            let id = message.properties.message_id().clone();
            answers.returned.insert(id.unwrap_or_default());
        }
        Ok(())
    }

    fn sum_up(&self, letters: &[&Letter], answers: &Answers) -> Round {
        let mut round = Round::default();
        for (index, letter) in letters.iter().enumerate() {
            if answers.returned.contains(&letter.message_id) {
                round.returned_count += 1;
                round.returned.extend(letter.message);
            } else if answers.refused.contains(&index) {
                round.refused.push(index);
            }
        }
        let confirmed = letters.len() - round.refused.len() - round.returned_count;
        add(&self.counters.confirmed, confirmed);
        add(&self.counters.refused, round.refused.len());
        add(&self.counters.returned, round.returned_count);
        round
    }
}
