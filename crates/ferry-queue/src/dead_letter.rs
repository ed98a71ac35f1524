//! What lies in the dead-letter queue, and why.

use std::fmt;

use ferry_core::reason::DeadReason;
use secrecy::SecretSlice;

use crate::rabbitmq::dead_walk as rabbitmq;
use crate::{Message, QueueError, embedded};

/// A letter in the dead-letter queue.
///
/// The queue is a mirror for the broker's own tools; the ledger holds the truth about sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetter {
    /// The session, if the letter is one of ours and can be read.
    pub message: Option<Message>,
    /// Why it lies there.
    pub cause: Cause,
}

/// A letter as it lies in the queue.
#[derive(Debug)]
pub struct FoundLetter {
    /// What can be read of it.
    pub letter: DeadLetter,
    /// The letter as it came, if it cannot be read as one of ours.
    pub foreign: Option<Foreign>,
}

/// A message that is not ours, or that we cannot read.
#[derive(Debug)]
pub struct Foreign {
    /// Anything, a secret included.
    pub body: SecretSlice<u8>,
    /// AMQP's `type`.
    pub kind: Option<String>,
    /// AMQP's `content-type`.
    pub content_type: Option<String>,
}

/// One way through the dead-letter queue, from its head to what was its end at the beginning. What
/// was found is in the queue again after [`DeadWalk::close`], or when the process is gone, unless
/// [`DeadWalk::remove`] took it out.
#[derive(Debug)]
pub struct DeadWalk {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Embedded(embedded::DeadWalk),
    RabbitMq(rabbitmq::DeadWalk),
}

impl DeadWalk {
    pub(crate) fn embedded(walk: embedded::DeadWalk) -> Self {
        Self {
            place: Place::Embedded(walk),
        }
    }

    pub(crate) fn rabbitmq(walk: rabbitmq::DeadWalk) -> Self {
        Self {
            place: Place::RabbitMq(walk),
        }
    }

    /// The next letters, at most `limit`; none at the end.
    pub async fn next(&mut self, limit: usize) -> Result<Vec<FoundLetter>, QueueError> {
        match &mut self.place {
            Place::Embedded(walk) => Ok(walk.next(limit)),
            Place::RabbitMq(walk) => walk.next(limit).await,
        }
    }

    /// Takes all that was found so far out of the queue.
    pub async fn remove(&mut self) -> Result<(), QueueError> {
        match &mut self.place {
            Place::Embedded(walk) => {
                walk.remove();
                Ok(())
            }
            Place::RabbitMq(walk) => walk.remove().await,
        }
    }

    /// Ends the walk.
    pub async fn close(self) -> Result<(), QueueError> {
        match self.place {
            Place::Embedded(_) => Ok(()),
            Place::RabbitMq(walk) => walk.close().await,
        }
    }
}

/// Why a letter is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The session is a dead letter in the ledger, too.
    Session(DeadReason),
    /// Somebody else's message in our queue.
    NotOurs,
    /// A message of a version that this one does not read.
    UnknownVersion,
    /// A message of ours that cannot be read.
    Unreadable,
    /// The ledger has no such session.
    UnknownSession,
    /// The broker moved it by itself: rejected while the dead-letter queue was missing, or
    /// delivered too often.
    Broker,
}

impl Cause {
    const PLAIN: [(Self, &'static str); 5] = [
        (Self::NotOurs, "not_ours"),
        (Self::UnknownVersion, "unknown_version"),
        (Self::Unreadable, "unreadable"),
        (Self::UnknownSession, "unknown_session"),
        (Self::Broker, "broker"),
    ];

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::PLAIN
            .iter()
            .find_map(|(cause, name)| (*name == text).then_some(*cause))
            .or_else(|| text.parse().ok().map(Self::Session))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Session(reason) = self {
            return reason.fmt(f);
        }
        let name = Self::PLAIN.iter().find(|(cause, _)| cause == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_reads_back_what_it_shows() {
        let plain = Cause::PLAIN.map(|(cause, _)| cause);
        let session = [DeadReason::MemberMissing, DeadReason::OutcomeUnknown].map(Cause::Session);
        for cause in plain.into_iter().chain(session) {
            assert_eq!(Cause::parse(&cause.to_string()), Some(cause));
        }
        assert_eq!(Cause::parse("nobody knows"), None);
    }
}
