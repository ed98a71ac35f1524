//! Why the simulator does not start.

use std::io;
use std::net::SocketAddr;

/// Why the simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is reachable from outside.
    #[error("the simulator listens on loopback only, {0} is not: use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}; choose another port, or port 0 for a free one")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The listener does not work.
    #[error("the listener does not work: {0}")]
    Listener(io::Error),
    /// The UserInfo URL is not one on loopback.
    #[error(
        "the simulator calls UserInfo on loopback only: {0} is not http://127.0.0.1, http://localhost or http://[::1]"
    )]
    UserinfoNotLoopback(String),
    /// The clock cannot run that fast.
    #[error("the time scale is {0}, it must lie between 0.001 and 100000")]
    TimeScale(f64),
    /// The cap is no session duration.
    #[error("the longest session is {0} minutes, it must lie between 5 and 527040")]
    SessionCap(u32),
    /// The Consumer and B2B credentials are no such.
    #[error(
        "the project id is {0:?}, it must start with project-test-: the simulator is never live"
    )]
    ProjectId(String),
}
