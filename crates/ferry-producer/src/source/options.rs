//! How an export is to be read.

use ferry_core::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::rules::Rules;

/// How the export's bytes are read, where its first bytes do not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceOptions {
    /// The format. Unset: NDJSON if the export begins with `{` or its name ends in `.ndjson`,
    /// `.jsonl` or `.json` (with `.gz` or `.zst` behind it); else CSV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What separates the fields of a CSV. Unset: comma, semicolon or tab, whichever its header
    /// uses most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values with a header line, quoted as in RFC 4180.
    Csv,
    /// A JSON object on each line.
    Ndjson,
}

/// What separates the fields of a CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delimiter {
    /// `,`
    Comma,
    /// `;`, as spreadsheets write it where the comma is the decimal point.
    Semicolon,
    /// A tab.
    Tab,
    /// `|`; never guessed.
    Pipe,
}

/// How an export is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// How its bytes are read.
    pub options: &'a SourceOptions,
    /// Which column holds what.
    pub columns: &'a Columns,
    /// What a row must fulfil.
    pub rules: &'a Rules,
    /// When rows are judged: what has ended by then is skipped.
    pub now: Timestamp,
}

impl Delimiter {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}
