//! Why a test does not get its service, and how to get it.

/// A test does not get its service.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// There is none.
    #[error(
        "no RabbitMQ for the tests: `cargo xtask test` gets one, or name one in FERRY_TEST_AMQP_URL"
    )]
    NoBroker,
    /// Debian's package is not there.
    #[error("no RabbitMQ to start: `cargo xtask test` installs Debian's rabbitmq-server")]
    NotInstalled,
    /// It started and ended.
    #[error("the private {service} ended by itself: {output}")]
    Ended {
        /// What.
        service: &'static str,
        /// What it said.
        output: String,
    },
    /// It takes too long.
    #[error("the private {service} is not up after {seconds} s: {output}")]
    TooSlow {
        /// What.
        service: &'static str,
        /// How long it was given.
        seconds: u64,
        /// What it said.
        output: String,
    },
    /// A tool of the service failed.
    #[error("{tool} failed: {output}")]
    Tool {
        /// Which.
        tool: String,
        /// What it said.
        output: String,
    },
    /// The container.
    #[error("the container did not start: {0}")]
    Container(String),
    /// The machine.
    #[error(transparent)]
    Machine(#[from] std::io::Error),
}
