//! From an export to rows of the ledger, and from due rows to the queue.

pub mod dispatch;
pub mod mirror;
pub mod register;
pub mod source;
