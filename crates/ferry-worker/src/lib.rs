//! The attempt, the loop that feeds it, and the sweeper.
//!
//! ```text
//! queue ─▶ intake ─(permit, claim)─▶ attempt ─▶ recorder ─(record, ack)─▶ ledger
//!                                       │
//!                                    Stytch ◀── sweeper ◀── unresolved attempts
//! ```
//!
//! | module | part |
//! |---|---|
//! | [`attempt`] | one call for one leased session, judged |
//! | `intake` | deliveries, permits, claims |
//! | `recorder` | results, many in one commit, then the acknowledgement |
//! | `worker` | the three together, and how they stop |
//! | [`sweeper`] | finds and revokes what nobody recorded |
//! | [`pace`] | the rate that all calls share |
//! | [`tally`] | what has happened so far, for whoever watches |

pub mod attempt;
mod intake;
pub mod pace;
mod recorder;
mod settings;
pub mod sweeper;
pub mod tally;
mod worker;

pub use settings::{Settings, Tools};
pub use worker::{Worker, WorkerError};
