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
        Self {
            postgres: PrivatePostgres::start("").unwrap_or_else(|error| panic!("{error}")),
            broker: PrivateBroker::start("", "").unwrap_or_else(|error| panic!("{error}")),
        }
    }
}
