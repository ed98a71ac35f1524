//! Opening an export: what it is, by its first bytes, and where its columns are.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sha2::{Digest as _, Sha256};

use super::csv::{CsvRecords, HeaderFault, detect_delimiter};
use super::decompress::{self, Compression, Counted, foreign_container, inner_container};
use super::error::SourceError;
use super::identity::{DIGEST_BYTES, SourceIdentity, mapping_digest};
use super::input::{Input, WINDOW_BYTES};
use super::layout::{Header, Layout};
use super::lines::line_ends;
use super::ndjson::{self, NdjsonRecords};
use super::options::{Format, Reading, SourceOptions};
use super::records::{Records, Stop};
use super::row::RowReader;
use super::value::shown_path;
use super::{Export, SourceProgress, State};

pub(super) fn at(location: &Path, reading: &Reading<'_>) -> Result<Export, SourceError> {
    if location == Path::new("-") {
        return stream("stdin", io::stdin(), reading);
    }
    let export = shown_path(&location.to_string_lossy());
    let opened = File::open(location).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = opened.map_err(|fault| cannot_open(&export, fault))?;
    if metadata.is_dir() {
        return Err(SourceError::Directory { export });
    }
    // A pipe's path (`/dev/fd/63`) leads to no name.
    let path = match location.canonicalize() {
        Err(fault) if metadata.is_file() => return Err(cannot_open(&export, fault)),
        path => path.unwrap_or_else(|_| location.to_owned()),
    };
    let opening = Opening {
        name: path.to_string_lossy().into_owned(),
        shown: export,
        size: metadata.is_file().then_some(metadata.len()),
    };
    opening.open(file, reading)
}

pub(super) fn stream(
    name: &str,
    reader: impl Read + Send + 'static,
    reading: &Reading<'_>,
) -> Result<Export, SourceError> {
    let opening = Opening {
        name: name.to_owned(),
        shown: shown_path(name),
        size: None,
    };
    opening.open(reader, reading)
}

fn cannot_open(export: &str, source: io::Error) -> SourceError {
    let export = export.to_owned();
    match source.kind() {
        ErrorKind::NotFound => SourceError::NotFound { export },
        ErrorKind::PermissionDenied => SourceError::PermissionDenied { export },
        _ => SourceError::Open { export, source },
    }
}

struct Opening {
    name: String,
    shown: String,
    size: Option<u64>,
}

/// An export whose bytes can be read, but whose columns are not yet known.
struct Unpacked {
    input: Input,
    compression: Compression,
    /// The line at which the input stands.
    line: u64,
}

impl Opening {
    fn open(
        self,
        reader: impl Read + Send + 'static,
        reading: &Reading<'_>,
    ) -> Result<Export, SourceError> {
        let read = Arc::new(AtomicU64::new(0));
        let (first_bytes, rest) = self.first_bytes(reader)?;
        let digest = Sha256::digest(&first_bytes).into();
        let compression = Compression::of(&first_bytes);
        let packed = Counted::new(Cursor::new(first_bytes).chain(rest), Arc::clone(&read));
        let unpacked = self.unpack(packed, compression)?;
        let format = self.format(unpacked.input.unused(), reading.options)?;
        let (records, header, layout) = match format {
            Format::Csv => self.csv(unpacked, reading)?,
            Format::Ndjson => self.ndjson(unpacked, reading)?,
        };
        Ok(Export {
            progress: SourceProgress::new(read, self.size),
            identity: SourceIdentity {
                name: self.name,
                size: self.size,
                digest,
                mapping: mapping_digest(reading.columns, reading.rules),
            },
            shown: self.shown,
            header,
            format,
            compression,
            records,
            rows: RowReader::new(layout, reading.rules.clone(), reading.now),
            records_read: 0,
            state: State::Reading,
        })
    }

    fn first_bytes<R: Read>(&self, mut reader: R) -> Result<(Vec<u8>, R), SourceError> {
        let mut first_bytes = Vec::new();
        let read = reader
            .by_ref()
            .take(DIGEST_BYTES as u64)
            .read_to_end(&mut first_bytes);
        read.map_err(|fault| self.explain(Compression::None, fault))?;
        let export = || self.shown.clone();
        match first_bytes.as_slice() {
            [] => Err(SourceError::Empty { export: export() }),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(SourceError::Utf16 { export: export() }),
            bytes => match foreign_container(bytes) {
                Some(kind) => Err(SourceError::Packed {
                    export: export(),
                    kind,
                }),
                None => Ok((first_bytes, reader)),
            },
        }
    }

    /// Goes to the first line that is not blank.
    fn unpack<R: Read + Send + 'static>(
        &self,
        packed: Counted<R>,
        compression: Compression,
    ) -> Result<Unpacked, SourceError> {
        let explain = |fault| self.explain(compression, fault);
        let mut input = Input::new(compression.unpack(packed).map_err(explain)?);
        input.fill_window().map_err(explain)?;
        if input.unused().starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        match input.unused() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                return Err(SourceError::Utf16 {
                    export: self.shown.clone(),
                });
            }
            bytes => {
                if let Some(kind) = inner_container(bytes) {
                    return Err(SourceError::Packed {
                        export: self.shown.clone(),
                        kind,
                    });
                }
            }
        }
        let mut line = 1;
        while !skip_blank_lines(&mut input, &mut line) {
            input.fill_window().map_err(explain)?;
            if input.unused().is_empty() {
                return Err(SourceError::Empty {
                    export: self.shown.clone(),
                });
            }
        }
        input.fill_window().map_err(explain)?;
        Ok(Unpacked {
            input,
            compression,
            line,
        })
    }

    fn format(&self, first_bytes: &[u8], options: &SourceOptions) -> Result<Format, SourceError> {
        let is_json = match options.format {
            Some(format) => format == Format::Ndjson,
            None => first_bytes[0] == b'{' || self.is_named_json() || begins_array(first_bytes),
        };
        if !is_json {
            return Ok(Format::Csv);
        }
        let first_line = first_bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        if matches!(first_line.trim_ascii(), b"{" | [b'[', ..]) {
            return Err(SourceError::NotJsonLines {
                export: self.shown.clone(),
            });
        }
        Ok(Format::Ndjson)
    }

    fn is_named_json(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let name = name
            .strip_suffix(".gz")
            .or(name.strip_suffix(".zst"))
            .unwrap_or(&name);
        [".ndjson", ".jsonl", ".json"]
            .iter()
            .any(|extension| name.ends_with(extension))
    }

    fn csv(
        &self,
        unpacked: Unpacked,
        reading: &Reading<'_>,
    ) -> Result<(Records, Vec<String>, Layout), SourceError> {
        let Unpacked {
            input,
            compression,
            line,
        } = unpacked;
        let delimiter = match reading.options.delimiter {
            Some(delimiter) => delimiter.byte(),
            None => detect_delimiter(input.unused()),
        };
        let mut records = CsvRecords::new(input, delimiter, line);
        let names = records
            .header()
            .map_err(|fault| self.header_fault(compression, line, fault))?;
        let header = Header::of_csv(&self.shown, &names, reading.columns);
        let layout = Layout::resolve(&header, reading.columns, reading.rules)?;
        records.bind(layout.fields(&names));
        Ok((Records::Csv(Box::new(records)), names, layout))
    }

    fn ndjson(
        &self,
        unpacked: Unpacked,
        reading: &Reading<'_>,
    ) -> Result<(Records, Vec<String>, Layout), SourceError> {
        let Unpacked { input, line, .. } = unpacked;
        let is_whole = input.unused().len() < WINDOW_BYTES;
        let names = ndjson::keys(input.unused(), is_whole);
        let header = Header::of_ndjson(&self.shown, &names, reading.columns);
        let layout = Layout::resolve(&header, reading.columns, reading.rules)?;
        let mut records = NdjsonRecords::new(input, line);
        records.bind(layout.columns().to_vec());
        Ok((Records::Ndjson(records), names, layout))
    }

    fn header_fault(&self, compression: Compression, line: u64, fault: HeaderFault) -> SourceError {
        let export = self.shown.clone();
        match fault {
            HeaderFault::Unfit(fault) => SourceError::Header {
                export,
                line,
                fault,
            },
            HeaderFault::Stop(Stop::Io(fault)) => self.explain(compression, fault),
            HeaderFault::Stop(Stop::OpenQuote { line, field }) => SourceError::OpenQuote {
                export,
                line,
                column: format!("field {}", field + 1),
            },
        }
    }

    fn explain(&self, compression: Compression, fault: io::Error) -> SourceError {
        decompress::Place {
            export: &self.shown,
            compression,
            after: 0,
        }
        .explain(fault)
    }
}

/// `true`: the input stands at the first line that is not blank; `false`: all of it was blank.
fn skip_blank_lines(input: &mut Input, line: &mut u64) -> bool {
    let unused = input.unused();
    let blank = unused
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let is_last = blank == unused.len();
    // A tab before the first name may be an empty first column's.
    let ends_line = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let skipped = if is_last {
        blank
    } else {
        unused[..blank]
            .iter()
            .rposition(ends_line)
            .map_or(0, |last| last + 1)
    };
    *line += line_ends(&unused[..skipped]);
    input.consume(skipped);
    !is_last
}

/// `[{`: an array of objects, which no CSV header begins with.
fn begins_array(first_bytes: &[u8]) -> bool {
    first_bytes.strip_prefix(b"[").is_some_and(|rest| {
        rest.trim_ascii_start()
            .first()
            .is_none_or(|byte| *byte == b'{')
    })
}
