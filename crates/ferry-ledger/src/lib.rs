//! The ledger: every session is a row here, and what the ledger says is true.
//!
//! A queue message carries ids only, so losing the queue loses nothing. Each file holds one verb
//! with its types and all that it decides; `sqlite/` and `postgres/` hold its SQL.
//!
//! | module | verb |
//! |---|---|
//! | [`runs`] | begin, pause, resume and finish a run |
//! | [`register`] | take in the rows of an export |
//! | [`due`] | which sessions to call next |
//! | [`claim`] | lease sessions to a worker |
//! | [`record`] | finish what was leased |
//! | [`sweep`] | look after attempts of unknown outcome |
//! | [`report`] | books, failures, audit |
//! | [`mappings`] | legacy session → Stytch session |
//! | [`seal`] | what is secret at rest |

pub mod claim;
mod clock;
mod database;
pub mod due;
mod error;
mod ledger;
pub mod mappings;
mod postgres;
pub mod record;
pub mod register;
pub mod report;
pub mod runs;
pub mod seal;
mod sqlite;
pub mod sweep;

pub use clock::{Clock, SystemClock};
pub use error::LedgerError;
pub use ledger::Ledger;
pub use postgres::{PostgresSettings, PostgresUrl, PostgresUrlError};
