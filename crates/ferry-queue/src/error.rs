//! What can go wrong with the queue, and what to do about it.

use std::time::Duration;

use crate::Message;

/// A failure of the queue. It never loses a session: the rows of the ledger stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The URL is not one. It is not shown: it may hold a password.
    #[error(
        "the queue's URL is unusable ({why}): write amqp://user:password@host:5672/vhost, or amqps://"
    )]
    Url {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The prefix does not fit into names.
    #[error(
        "the queue's prefix is unusable: write 1 to 100 letters, digits, dots, dashes or underscores"
    )]
    Prefix,
    /// The broker refuses the user.
    #[error("the broker at {broker} refuses the user or the password: mend the queue's URL")]
    Credentials {
        /// Where.
        broker: String,
    },
    /// The user may not use this virtual host, or there is none of this name.
    #[error(
        "the broker at {broker} does not let us into the virtual host of the queue's URL: create it, give the user permissions on it, or name another"
    )]
    VirtualHost {
        /// Where.
        broker: String,
    },
    /// No connection.
    #[error(
        "the broker at {broker} cannot be reached ({source}): is it running, are host, port and TLS right?"
    )]
    Unreachable {
        /// Where.
        broker: String,
        /// Why.
        source: lapin::Error,
    },
    /// The connection broke.
    #[error("the connection to the broker was lost ({0})")]
    Lost(#[source] lapin::Error),
    /// The broker closed the connection or a channel, without an error that we know of.
    #[error("the broker ended the {what}")]
    Ended {
        /// What it ended.
        what: &'static str,
    },
    /// No answer.
    #[error("the broker did not answer within {} s ({what}): is it overloaded, has its queue a leader?", after.as_secs())]
    Timeout {
        /// What was asked.
        what: &'static str,
        /// How long we waited.
        after: Duration,
    },
    /// The broker takes nothing because it is short of memory or disk.
    #[error(
        "the broker takes no messages: it is short of memory or disk; see `rabbitmqctl status`"
    )]
    Blocked,
    /// Our queue is gone.
    #[error(
        "the queue {name} does not exist any more: whoever connects next declares it; start again"
    )]
    Missing {
        /// The queue or exchange.
        name: String,
    },
    /// The broker gave messages back, because no queue wants them.
    #[error("{} messages came back: nothing is bound to the exchange {exchange} for them; whoever connects next binds it; start again", returned.len())]
    Unroutable {
        /// Where they were published to.
        exchange: String,
        /// All that came back, and no other.
        returned: Vec<Message>,
    },
    /// Somebody declared a queue of our name with other arguments.
    #[error(
        "{name} was declared with other arguments than ours ({detail}): delete it (nothing is lost, the ledger has all), or choose another prefix"
    )]
    Arguments {
        /// The queue or exchange.
        name: String,
        /// What the broker said.
        detail: String,
    },
    /// The user may not declare.
    #[error(
        "the user may not declare {name}: give it the permissions configure, write and read on names that begin with the prefix, or declare it beforehand"
    )]
    Permission {
        /// The queue or exchange.
        name: String,
    },
}

impl QueueError {
    /// The same call may succeed later without anybody changing a setting.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Lost(_)
                | Self::Ended { .. }
                | Self::Timeout { .. }
                | Self::Blocked
        ) || self.is_missing()
    }

    /// Queue, exchange or binding are gone, as when somebody deletes them. A consumer anywhere
    /// declares them again within seconds; if there is none, nobody does.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Unroutable { .. })
    }
}
