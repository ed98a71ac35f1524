//! The client against servers on loopback: some answer as no decent server would, and the
//! simulator as Stytch does.

#![expect(clippy::unwrap_used, reason = "all of this crate is tests")]

mod bodies;
mod requests;
mod secrets;
mod server;
mod simulator;
mod statuses;
mod tls;
mod transport;
