//! An export as a stream of rows.
//!
//! [`Export::open`] finds out what the export is (CSV or NDJSON; plain, gzip or zstd; a file or
//! standard input), resolves the configured [`Columns`] against what it finds, and
//! [`Export::next_batch`] then gives one [`ExportRow`] for each record: a session, a session that
//! is known to be in vain, or a reject that says where and why. Memory does not grow with the
//! export, nor with any of its records.
//!
//! It is synchronous: run it on a blocking thread.
//!
//! | file | what it knows |
//! |---|---|
//! | `decompress` | counting and unpacking bytes, and the faults of both |
//! | `input` | a bounded window on the unpacked bytes |
//! | `open`, `options` | formats, and telling them by the first bytes |
//! | `csv`, `ndjson`, `lines` | records, and why a record is none |
//! | `columns`, `layout` | which column is for what, and where it is found |
//! | `form` | what kind of token a token is |
//! | `row`, `claims`, `jwt` | from a record's values to a session |
//! | `identity` | which export this is |

mod claims;
mod columns;
mod csv;
mod decompress;
mod error;
mod form;
mod identity;
mod input;
mod jwt;
mod layout;
mod lines;
mod ndjson;
mod open;
mod options;
mod records;
mod row;
mod rules;
mod value;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferry_core::Timestamp;
use ferry_core::session::{ExportRow, Reject};
use secrecy::ExposeSecret as _;

pub use columns::Columns;
pub use error::{MissingColumn, SourceError};
pub use form::TokenForm;
pub use identity::SourceIdentity;
pub use options::{Delimiter, Format, Reading, SourceOptions};
pub use rules::Rules;

use decompress::Compression;
use records::{Advance, Malformed, Records, Stop};
use row::{Place, RowReader};
use value::shown_name;

/// An export, opened, and how far it was read.
pub struct Export {
    identity: SourceIdentity,
    /// The export's name, fit for messages.
    shown: String,
    header: Vec<String>,
    format: Format,
    compression: Compression,
    progress: SourceProgress,
    records: Records,
    rows: RowReader,
    records_read: u64,
    state: State,
}

enum State {
    Reading,
    /// Found behind records that were handed over; it comes next.
    Failing(SourceError),
    Failed,
    Ended,
}

/// How much of the export was read. Clones look at the same export, from any thread.
#[derive(Debug, Clone)]
pub struct SourceProgress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

/// A batch ends when its rows hold so much text, whatever their number: that many rows with long
/// tokens would not fit into memory.
const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;

impl Export {
    /// Opens the export at `location`: a path, or `-` for standard input. Rows are judged at
    /// `now`.
    pub fn open(
        location: &Path,
        options: &SourceOptions,
        columns: &Columns,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Self, SourceError> {
        open::at(
            location,
            &Reading {
                options,
                columns,
                rules,
                now,
            },
        )
    }

    /// Reads an export from a stream, for instance a program's output.
    pub fn from_reader(
        name: &str,
        reader: impl std::io::Read + Send + 'static,
        reading: &Reading<'_>,
    ) -> Result<Self, SourceError> {
        open::stream(name, reader, reading)
    }

    /// Which export this is.
    pub fn identity(&self) -> &SourceIdentity {
        &self.identity
    }

    /// The columns found: a CSV's header, or the keys of the first NDJSON objects.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The format, as detected or as asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How much was read, for a progress bar.
    pub fn progress(&self) -> &SourceProgress {
        &self.progress
    }

    /// The records read or passed over so far.
    pub fn records_read(&self) -> u64 {
        self.records_read
    }

    /// Whether the export has a header and no rows. Known once [`Export::next_batch`] gave 0.
    pub fn is_header_only(&self) -> bool {
        matches!(self.state, State::Ended) && self.records_read == 0
    }

    /// Whether this row of the export was rejected because it has no access token: then the token
    /// never came to where the export is from.
    pub fn lacks_token(&self, reject: &Reject) -> bool {
        self.rows.lacks_token(reject)
    }

    /// Passes over the next `records` records, without making rows of them: the rejected ones
    /// count too, as they did when they were read.
    pub fn skip(&mut self, records: u64) -> Result<(), SourceError> {
        self.check()?;
        let wanted = self.records_read + records;
        while self.records_read < wanted {
            match self.advance() {
                Ok(Advance::Record | Advance::Bad(_)) => {}
                Ok(Advance::End) => {
                    let (export, found) = (self.shown.clone(), self.records_read);
                    self.state = State::Failed;
                    return Err(SourceError::TooShort {
                        export,
                        found,
                        wanted,
                    });
                }
                Err(fault) => {
                    self.state = State::Failed;
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    /// Makes sure that the export ends after its first `records`, with which it was registered. A
    /// file of another size is another export; how long a stream is, only its end tells.
    pub fn expect_end(&mut self, records: u64) -> Result<(), SourceError> {
        if self.identity.size.is_some() {
            return Ok(());
        }
        self.skip(records.saturating_sub(self.records_read))?;
        match self.advance()? {
            Advance::End => Ok(()),
            Advance::Record | Advance::Bad(_) => Err(SourceError::TooLong {
                export: self.shown.clone(),
                registered: records,
            }),
        }
    }

    /// Appends the rows of the next records to `rows`, one row for each record, and returns how
    /// many. Fewer than `most` (at least 1) if they are large; 0 only at the end of the export.
    ///
    /// A fault that stops the reading is returned after the rows before it were handed over.
    pub fn next_batch(
        &mut self,
        most: usize,
        rows: &mut Vec<ExportRow>,
    ) -> Result<usize, SourceError> {
        self.check()?;
        let before = rows.len();
        let mut bytes = 0;
        while rows.len() - before < most.max(1) && bytes < MAX_BATCH_BYTES {
            match self.next_row() {
                Ok(Some(row)) => {
                    bytes += text_bytes(&row);
                    rows.push(row);
                }
                Ok(None) => break,
                Err(fault) if rows.len() == before => {
                    self.state = State::Failed;
                    return Err(fault);
                }
                Err(fault) => {
                    self.state = State::Failing(fault);
                    break;
                }
            }
        }
        Ok(rows.len() - before)
    }

    /// Returns the fault that was found before.
    fn check(&mut self) -> Result<(), SourceError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Failing(fault) => Err(fault),
            State::Failed => Err(SourceError::Failed {
                export: self.shown.clone(),
            }),
            state @ (State::Reading | State::Ended) => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn next_row(&mut self) -> Result<Option<ExportRow>, SourceError> {
        let advance = self.advance()?;
        let place = Place {
            row: self.records_read,
            line: self.records.line(),
        };
        let row = match (advance, &mut self.records) {
            (Advance::End, _) => return Ok(None),
            (Advance::Bad(reason), _) => Err(reason.into()),
            (Advance::Record, Records::Csv(records)) => {
                records.record().map(|record| self.rows.row(place, &record))
            }
            (Advance::Record, Records::Ndjson(records)) => {
                records.record().map(|record| self.rows.row(place, &record))
            }
        };
        Ok(Some(
            row.unwrap_or_else(|malformed| rejected(place, malformed)),
        ))
    }

    fn advance(&mut self) -> Result<Advance, SourceError> {
        if matches!(self.state, State::Ended) {
            return Ok(Advance::End);
        }
        let advance = self.records.advance().map_err(|stop| self.explain(stop))?;
        if advance == Advance::End {
            self.check_size()?;
            self.state = State::Ended;
        } else {
            self.records_read += 1;
        }
        Ok(advance)
    }

    fn check_size(&self) -> Result<(), SourceError> {
        let read = self.progress.bytes_read();
        match self.identity.size {
            Some(was) if was != read => Err(SourceError::Changed {
                export: self.shown.clone(),
                was,
                read,
            }),
            _ => Ok(()),
        }
    }

    fn explain(&self, stop: Stop) -> SourceError {
        match stop {
            Stop::Io(fault) => {
                let place = decompress::Place {
                    export: &self.shown,
                    compression: self.compression,
                    after: self.records_read,
                };
                place.explain(fault)
            }
            Stop::OpenQuote { line, field } => {
                let column = match self.header.get(field) {
                    Some(name) => format!("column \"{}\"", shown_name(name)),
                    None => format!("field {}", field + 1),
                };
                SourceError::OpenQuote {
                    export: self.shown.clone(),
                    line,
                    column,
                }
            }
        }
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("export", &self.shown)
            .field("format", &self.format)
            .field("compression", &self.compression)
            .field("records_read", &self.records_read)
            .finish_non_exhaustive()
    }
}

impl SourceProgress {
    fn new(read: Arc<AtomicU64>, total: Option<u64>) -> Self {
        Self { read, total }
    }

    /// The bytes read so far, as they lie on disk.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The size of the file; `None` for a stream.
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }
}

fn rejected(place: Place, malformed: Malformed) -> ExportRow {
    ExportRow::Rejected(Reject {
        row: place.row,
        line: place.line,
        column: malformed.column,
        reason: malformed.reason,
    })
}

fn text_bytes(row: &ExportRow) -> usize {
    match row {
        ExportRow::Session(session) | ExportRow::Skipped(session, _) => {
            session.access_token.expose_secret().len()
                + session.stable_id.expose_secret().len()
                + session.organization.len()
                + session.custom_claims.as_ref().map_or(0, String::len)
                + [
                    &session.facts.subject,
                    &session.facts.email,
                    &session.facts.external_id,
                ]
                .into_iter()
                .flatten()
                .map(String::len)
                .sum::<usize>()
        }
        ExportRow::Rejected(reject) => reject.reason.len(),
    }
}
