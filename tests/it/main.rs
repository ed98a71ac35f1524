//! The real binary, from the outside: what an operator sees, and what the simulator's audit finds.
//!
//! | module | what it shows |
//! |---|---|
//! | `crossing` | an export crosses, once, whatever Stytch does |
//! | `crash` | killed at random moments, and at each step between claim and acknowledgement |
//! | `secrecy` | no token leaves its sealed place |

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails is to fail")]

mod crash;
mod crossing;
mod secrecy;
mod support;
