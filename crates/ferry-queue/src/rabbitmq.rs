//! The queue on `RabbitMQ`: AMQP, and it alone.
//!
//! | module | what it knows |
//! |---|---|
//! | [`settings`], [`url`] | how to reach the broker |
//! | `topology` | everything that is declared, as data |
//! | `link` | one connection, and whether it is blocked or lost |
//! | `letter` | what a message looks like |
//! | `broker` | what publisher and consumers share; the publisher's connection |
//! | `publish`, `window` | publishing with confirms, returns and repetitions |
//! | `dead_letters`, `dead_walk` | the dead-letter queue: into it, and through it |
//! | `consumer`, `subscription` | the consumer, its supervisor, and one life of its connection |
//! | `inspect` | looking, without declaring anything |
//! | `frontier` | which acknowledgements to send, and when |

mod backoff;
mod broker;
pub(crate) mod consumer;
mod dead_letters;
pub(crate) mod dead_walk;
mod frontier;
mod inbox;
pub(crate) mod inspect;
mod letter;
mod link;
mod publish;
pub(crate) mod settings;
mod subscription;
mod topology;
pub(crate) mod url;
mod window;

pub(crate) use broker::Broker;
