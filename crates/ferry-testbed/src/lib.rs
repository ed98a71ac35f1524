//! Real services for tests. There are no mocks, and no test is skipped: without its service it
//! fails and says how to get it.
//!
//! A service comes from the first of these that there is:
//!
//! 1. a URL in the environment ([`AMQP_URL`], [`POSTGRES_URL`]); `cargo xtask test` gives one,
//! 2. a container, where a Docker engine answers,
//! 3. a private instance of Debian's package, on free ports of loopback and in a temporary
//!    folder. `cargo xtask test` starts one for all tests; a test that is rough with its service
//!    starts one of its own ([`rabbitmq::PrivateBroker`], [`postgres::PrivatePostgres`]).

#[cfg(feature = "containers")]
mod container;
#[cfg(feature = "containers")]
mod database;
mod error;
mod port;
pub mod postgres;
mod process;
#[cfg(feature = "containers")]
pub mod proxy;
pub mod rabbitmq;
mod random;
#[cfg(feature = "containers")]
mod shared;

#[cfg(feature = "containers")]
pub use database::{FreshDatabase, fresh_database};
pub use error::TestbedError;
pub use port::free_ports;
#[cfg(feature = "containers")]
pub use shared::{SharedBroker, SharedPostgres, shared_broker, shared_postgres};

/// Names the broker that tests share: `amqp://user:password@host:port/vhost`. Each test has a
/// prefix of its own in it.
pub const AMQP_URL: &str = "TEST_AMQP_URL";

/// Names the PostgreSQL that tests share: `postgres://user:password@host:port/database`, with a
/// user who may make databases. Each test has a database of its own in it.
pub const POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// Whether there is a Docker engine to start containers with.
pub fn docker_answers() -> bool {
    std::env::var_os("DOCKER_HOST").is_some()
        || std::os::unix::net::UnixStream::connect("/var/run/docker.sock").is_ok()
}
