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
//! | [`survey`] | how all runs stand, for metrics |
//! | [`dead`] | what is dead: counted, listed, put aside |
//! | [`replay`] | give dead sessions another chance |
//! | [`park`] | give it them once their member exists |
//! | [`history`] | all that happened to one session |
//! | [`foreign`] | messages that are not ours |
//! | [`budgets`] | take permits of shared rates, report what calls came to |
//! | [`subjects`] | whose turn it is, of one person's sessions |
//! | [`watch`] | pause a run in which one cause befalls many |
//! | [`mappings`] | legacy session → Stytch session |
//! | [`standing`] | where one legacy session stands |
//! | [`verify`] | whether sessions and mappings fit together |
//! | [`timeline`] | what came of a run, over time |
//! | [`purge`] | wipe what is kept for no good |
//! | [`inspect`] | look at a ledger without changing anything |
//! | [`cancel`] | give a run up |
//! | [`roles`] | what one process does for all |
//! | [`workers`] | who is at work |
//! | [`audit_log`] | what operators did |
//! | [`seal`] | what is secret at rest |

pub mod audit_log;
pub mod budgets;
pub mod cancel;
pub mod claim;
mod clock;
mod database;
pub mod dead;
pub mod due;
mod error;
pub mod foreign;
pub mod history;
pub mod inspect;
mod ledger;
pub mod mappings;
pub mod park;
mod postgres;
pub mod purge;
pub mod record;
pub mod register;
pub mod replay;
pub mod report;
pub mod roles;
pub mod runs;
pub mod seal;
mod sqlite;
pub mod standing;
pub mod subjects;
pub mod survey;
pub mod sweep;
pub mod timeline;
pub mod verify;
pub mod watch;
pub mod workers;

pub use clock::{Clock, SystemClock};
pub use error::LedgerError;
pub use ledger::Ledger;
pub use postgres::{PostgresSettings, PostgresUrl, PostgresUrlError};
