//! Exports of legacy sessions that fit the simulator's people.

mod row;
mod summary;

use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use summary::Summary;

use crate::population::Population;
use row::RowWriter;

/// The columns of an export, in their order. `refresh_token` follows if asked for.
pub const COLUMNS: [&str; 9] = [
    "access_token",
    "organization",
    "session_id",
    "subject",
    "email",
    "token_expires_at",
    "session_expires_at",
    "last_active_at",
    "device",
];

/// How an export is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// One line for each row in this form.
    pub format: Format,
    /// The issuer that the tokens name: `Simulator::issuer`.
    pub issuer: String,
    /// The moment at which the export is taken: live tokens expire after it, dead ones before.
    pub now: Timestamp,
    /// What stands in the column `organization`.
    pub organization: OrganizationColumn,
    /// Whether a last column holds the refresh tokens.
    pub refresh_tokens: bool,
}

impl ExportOptions {
    /// CSV with Stytch's organization ids and without refresh tokens.
    pub fn new(issuer: impl Into<String>, now: Timestamp) -> Self {
        Self {
            format: Format::Csv,
            issuer: issuer.into(),
            now,
            organization: OrganizationColumn::OrganizationId,
            refresh_tokens: false,
        }
    }
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// By what name an export calls an organization. Stytch accepts each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationColumn {
    /// Stytch's own id.
    OrganizationId,
    /// The slug.
    Slug,
    /// The application's id.
    ExternalId,
}

/// Writes the whole export, row by row, and tells what it wrote.
///
/// Memory stays flat at any size. The writer is written to in small pieces: give it a buffer.
pub fn write(
    population: &Population,
    writer: &mut impl Write,
    options: &ExportOptions,
) -> io::Result<Summary> {
    let mut rows = RowWriter::new(population, options);
    let mut summary = Summary {
        sessions: population.sessions,
        ..Summary::default()
    };
    writer.write_all(rows.header().as_bytes())?;
    for number in 0..population.sessions {
        let (condition, row) = rows.row(number);
        writer.write_all(row.as_bytes())?;
        summary.count(condition);
        if let Some(earlier) = number.checked_sub(DUPLICATE_AFTER_ROWS) {
            repeat(population, &mut rows, earlier, writer, &mut summary)?;
        }
    }
    for number in population.sessions.saturating_sub(DUPLICATE_AFTER_ROWS)..population.sessions {
        repeat(population, &mut rows, number, writer, &mut summary)?;
    }
    writer.flush()?;
    Ok(summary)
}

/// Writes the row of this number a second time, if it is one of the duplicated.
fn repeat(
    population: &Population,
    rows: &mut RowWriter<'_>,
    number: u64,
    writer: &mut impl Write,
    summary: &mut Summary,
) -> io::Result<()> {
    if !population.is_duplicated(number) || population.condition(number).is_malformed() {
        return Ok(());
    }
    let (_, row) = rows.row(number);
    writer.write_all(row.as_bytes())?;
    summary.rows += 1;
    summary.duplicates += 1;
    Ok(())
}

/// How many rows lie between a row and its duplicate: as many as make duplicates fall now within a
/// reader's batch and now across two, whatever round number its batches have.
const DUPLICATE_AFTER_ROWS: u64 = 97;
