//! The words, states and decisions of Ferry.
//!
//! Nothing here does I/O, reads a clock or draws a random number by itself: `now` and the random
//! generator are parameters, decisions return durations. So the whole brain can be tested with
//! tables.
//!
//! | module | what it knows |
//! |---|---|
//! | [`session`] | a legacy session as the export gives it, and its two clocks |
//! | [`state`] | the states of sessions, runs and mappings, and which steps between them exist |
//! | [`reason`] | why a session was skipped or is dead, why a run is paused, and what to do |
//! | [`outcome`] | what one call to Stytch came to |
//! | [`failure`] | the failure table: from status and `error_type` to a judgement |
//! | [`decide`] | from an outcome to what happens to the session |
//! | [`retry`] | how long to wait |
//! | [`budget`] | which calls may be made when, over all workers together |
//! | [`ceiling`] | the rate that Stytch allows, found by its answers |
//! | [`breaker`] | whether the other side is down, and who may ask meanwhile |
//! | [`burst`] | whether one cause befalls too many sessions of a run |
//! | [`preset`] | what legacy providers allow |
//! | [`forecast`] | who expires before their turn, and what rate would save them |
//! | [`replay`] | which dead sessions get another chance |
//! | [`identity`] | whether the reply speaks of the person in the row |
//! | [`books`] | the sums that must balance |
//! | [`progress`] | rate and time left |

pub mod books;
pub mod breaker;
pub mod budget;
pub mod burst;
pub mod ceiling;
pub mod decide;
pub mod failure;
pub mod forecast;
pub mod id;
pub mod identity;
pub mod outcome;
pub mod preset;
pub mod progress;
pub mod reason;
pub mod replay;
pub mod retry;
pub mod session;
pub mod state;
pub mod timestamp;

pub use timestamp::Timestamp;
