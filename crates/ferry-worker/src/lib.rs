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
//! | `watch` | shows the run's watch what failed, so that a burst pauses it |
//! | `worker` | the three together, and how they stop |
//! | [`sweeper`] | finds and revokes what nobody recorded |
//! | [`parked`] | lets dead sessions go again whose member exists by now |
//! | [`limiter`] | the rates that all calls of all workers share |
//! | [`breaker`] | whether Stytch is up |
//! | [`observe`] | what takes its time, told to whoever measures |
//! | [`tally`] | what has happened so far, for whoever watches |

pub mod attempt;
pub mod breaker;
mod intake;
pub mod limiter;
mod members;
pub mod observe;
pub mod parked;
mod probe;
mod recorder;
mod settings;
pub mod sweeper;
pub mod tally;
mod watch;
mod worker;

pub use members::Members;
pub use probe::Userinfo;
pub use settings::{Settings, Tools};
pub use worker::{Worker, WorkerError};
