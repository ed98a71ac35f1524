//! The records of an export, one after the other, whatever its format.

use std::io;

use super::csv::CsvRecords;
use super::ndjson::NdjsonRecords;

/// The records of an export.
pub(super) enum Records {
    Csv(Box<CsvRecords>),
    Ndjson(NdjsonRecords),
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advance {
    /// A record that may be looked at.
    Record,
    /// A record that was passed over, and why.
    Bad(&'static str),
    /// Nothing more.
    End,
}

/// Why nothing more can be read.
#[derive(Debug)]
pub(super) enum Stop {
    Io(io::Error),
    /// The record that begins on `line` opens a quote in `field` (from 0) and swallows what follows.
    OpenQuote {
        line: u64,
        field: usize,
    },
}

pub(super) const TOO_LONG: &str = "is longer than 1 MiB: no session is";

/// Why a record is no record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) column: Option<String>,
    pub(super) reason: String,
}

impl Records {
    pub(super) fn advance(&mut self) -> Result<Advance, Stop> {
        match self {
            Self::Csv(records) => records.advance(),
            Self::Ndjson(records) => records.advance(),
        }
    }

    /// The line on which the record begins, from 1.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Csv(records) => records.line(),
            Self::Ndjson(records) => records.line(),
        }
    }
}

impl From<&str> for Malformed {
    fn from(reason: &str) -> Self {
        Self {
            column: None,
            reason: reason.to_owned(),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(fault: io::Error) -> Self {
        Self::Io(fault)
    }
}
