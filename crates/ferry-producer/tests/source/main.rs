//! An export as a stream of rows: what is read, what is rejected, what stops the reading.

mod columns;
mod faults;
mod formats;
mod judgement;
mod properties;
mod rejects;
mod secrecy;
mod support;
