//! PostgreSQL and RabbitMQ of one test alone, to be rough with.

use ferry_testbed::postgres::PrivatePostgres;
use ferry_testbed::rabbitmq::PrivateBroker;

/// PostgreSQL and RabbitMQ of one test alone, to be rough with.
pub(crate) struct Servers {
    pub(crate) postgres: PrivatePostgres,
    pub(crate) broker: PrivateBroker,
}

impl Servers {
    /// From a thread that lives as long as they are to: a test's own.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// The same, with these lines in `postgresql.conf`.
    pub(crate) fn start_with(settings: &str) -> Self {
        Self {
            postgres: PrivatePostgres::start(settings).unwrap_or_else(|error| panic!("{error}")),
            broker: PrivateBroker::start("", "").unwrap_or_else(|error| panic!("{error}")),
        }
    }
}
