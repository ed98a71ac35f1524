//! Why a test does not get its service, and how to get it.

/// A test does not get its service.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
    /// There is none.
    #[error("no {service} for the tests: `cargo xtask test` gets one, or name one in {variable}")]
    None {
        /// What.
        service: &'static str,
        /// The environment variable that may name one.
        variable: &'static str,
    },
    /// Debian's package is not there.
    #[error("no {service} to start: `cargo xtask test` installs Debian's {package}")]
    NotInstalled {
        /// What.
        service: &'static str,
        /// What has it.
        package: &'static str,
    },
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
    /// A URL that is none, or has no host and port.
    #[error("not a service's URL: {0}")]
    Url(&'static str),
    /// A database is not made.
    #[error("PostgreSQL refused: {0}")]
    Database(String),
    /// The machine.
    #[error(transparent)]
    Machine(#[from] std::io::Error),
}
