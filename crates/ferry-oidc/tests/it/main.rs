//! The probe against servers on loopback: the simulator's provider, and some that answer as no
//! decent one would.

#![expect(clippy::unwrap_used, reason = "all of this crate is tests")]

mod discovery;
mod provider;
mod replies;
mod secrets;
mod server;
