//! Real services for tests. There are no mocks, and no test is skipped: without its service it
//! fails and says how to get it.
//!
//! A service comes from the first of these that there is:
//!
//! 1. a URL in the environment ([`AMQP_URL`]); `cargo xtask test` gives one,
//! 2. a container, where a Docker engine answers,
//! 3. a private instance of Debian's package, on free ports of loopback and in a temporary
//!    folder. `cargo xtask test` starts one for all tests; a test that is rough with its broker
//!    starts one of its own ([`rabbitmq::PrivateBroker`]).

#[cfg(feature = "containers")]
mod container;
mod error;
mod port;
pub mod rabbitmq;
#[cfg(feature = "containers")]
mod shared;

pub use error::TestbedError;
pub use port::free_ports;
#[cfg(feature = "containers")]
pub use shared::{SharedBroker, shared_broker};

/// Names the broker that tests share: `amqp://user:password@host:port/vhost`. Each test has a
/// prefix of its own in it.
pub const AMQP_URL: &str = "FERRY_TEST_AMQP_URL";

/// Whether there is a Docker engine to start containers with.
pub fn docker_answers() -> bool {
    std::env::var_os("DOCKER_HOST").is_some()
        || std::os::unix::net::UnixStream::connect("/var/run/docker.sock").is_ok()
}
