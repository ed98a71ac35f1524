//! Every metric: its name, help text, buckets and label values.
//!
//! Two kinds, which are read in different ways:
//!
//! | kind | counted | several processes |
//! |---|---|---|
//! | instance ([`Instance`]) | in this process, from 0 at its start | add them: `sum by (…) (rate(…))` |
//! | service ([`ServiceSnapshot`]) | in the ledger, for all processes together | every process tells the same: `max by (…) (…)`, **never a sum** |
//!
//! [`catalog`] lists all of them; docs/metrics.md is printed from it ([`metrics_as_markdown`]).
//! Labels are bounded: states, reasons, budgets, and the names of at most [`NAMED_RUNS`] runs;
//! never an id. Every series is there from the start, at 0.

pub mod catalog;
mod instance;
mod label;
mod markdown;
mod run;
mod service;

pub use instance::{Counts, Instance};
pub use label::{AttemptEnd, Budget, CallEnd, ClaimEnd, Connection, LimitedBy, PermitLimit};
pub use markdown::metrics_as_markdown;
pub use run::{FinishForecast, NAMED_RUNS, OTHER_RUNS, RunSnapshot};
pub use service::{AllowedRate, QueueDepths, ServiceSnapshot};

/// The media type of [`Instance::text`] and [`ServiceSnapshot::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
