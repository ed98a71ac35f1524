//! Records of CSV, read with memory that does not grow with them.

use std::borrow::Cow;
use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use zeroize::Zeroizing;

use super::input::{Input, MAX_RECORD_BYTES};
use super::lines::Lines;
use super::records::{Advance, Malformed, Stop, TOO_LONG};
use super::value::{Flaw, Record, Value};

/// Most columns that an export may have: far more than any table has.
const MAX_COLUMNS: usize = 4096;

/// Room for a record with the longest token; it grows for longer records, which are rare.
const FIRST_TEXT_BYTES: usize = 32 * 1024;

/// Reads records of CSV.
pub(super) struct CsvRecords {
    input: Input,
    parser: Reader,
    /// The fields of the record, one behind the other, without quotes …
    text: Zeroizing<Vec<u8>>,
    /// … and where each ends.
    ends: Vec<usize>,
    /// How many fields the record has, even if more than `ends` holds.
    fields: usize,
    columns: usize,
    /// The field that holds the column at each slot of the layout.
    field_of_slot: Vec<usize>,
    lines: Lines,
}

/// One record.
pub(super) struct CsvRecord<'a> {
    text: &'a [u8],
    ends: &'a [usize],
    field_of_slot: &'a [usize],
}

/// How far the reading of one record has come.
#[derive(Default)]
struct Pass {
    raw_bytes: usize,
    text_bytes: usize,
    ends: usize,
    fields: usize,
    /// A line end that is not the record's own.
    spans_lines: bool,
}

impl CsvRecords {
    /// `line` is the one at which `input` stands.
    pub(super) fn new(input: Input, delimiter: u8, line: u64) -> Self {
        Self {
            input,
            parser: ReaderBuilder::new().delimiter(delimiter).build(),
            text: Zeroizing::new(vec![0; FIRST_TEXT_BYTES]),
            ends: vec![0; MAX_COLUMNS],
            fields: 0,
            columns: 0,
            field_of_slot: Vec::new(),
            lines: Lines::from(line),
        }
    }

    /// Reads the header.
    pub(super) fn header(&mut self) -> Result<Vec<String>, HeaderFault> {
        match self.advance().map_err(HeaderFault::Stop)? {
            Advance::Record => {}
            Advance::Bad(_) => return Err(HeaderFault::Unfit("is longer than 1 MiB")),
            Advance::End => return Err(HeaderFault::Unfit("is missing")),
        }
        if self.fields > MAX_COLUMNS {
            return Err(HeaderFault::Unfit("has more than 4096 columns"));
        }
        self.columns = self.fields;
        let name = |field: usize| {
            let name = std::str::from_utf8(field_of(&self.text, &self.ends, field))
                .map_err(|_| HeaderFault::Unfit("is not UTF-8"))?;
            if name.contains('\0') {
                return Err(HeaderFault::Unfit("holds a NUL byte"));
            }
            Ok(name.trim().to_owned())
        };
        (0..self.columns).map(name).collect()
    }

    /// Says which field holds the column at each slot of the layout.
    pub(super) fn bind(&mut self, field_of_slot: Vec<usize>) {
        self.field_of_slot = field_of_slot;
    }

    /// The line on which the record begins.
    pub(super) fn line(&self) -> u64 {
        self.lines.of_record()
    }

    /// The record that [`CsvRecords::advance`] stopped at, or why it is none.
    pub(super) fn record(&self) -> Result<CsvRecord<'_>, Malformed> {
        if self.fields != self.columns {
            return Err(Malformed {
                column: None,
                reason: self.ragged(),
            });
        }
        Ok(CsvRecord {
            text: &self.text,
            ends: &self.ends,
            field_of_slot: &self.field_of_slot,
        })
    }

    fn ragged(&self) -> String {
        let counts = format!(
            "has {} fields, the header has {}",
            self.fields, self.columns
        );
        let (first, last) = (self.lines.of_record(), self.lines.last_of_record());
        if last > first {
            format!("{counts}; it runs over lines {first} to {last}: a quote may be missing")
        } else {
            format!("{counts}: a delimiter or a quote may be missing or too many")
        }
    }

    /// Goes to the next record; blank lines are none.
    pub(super) fn advance(&mut self) -> Result<Advance, Stop> {
        loop {
            self.skip_line_ends()?;
            let advance = self.read_record()?;
            if advance != Advance::Record || !self.is_blank() {
                return Ok(advance);
            }
        }
    }

    /// A line of nothing but white space, where several columns are expected.
    fn is_blank(&self) -> bool {
        self.fields == 1
            && self.columns > 1
            && field_of(&self.text, &self.ends, 0)
                .iter()
                .all(u8::is_ascii_whitespace)
    }

    fn skip_line_ends(&mut self) -> io::Result<()> {
        while !self.input.unused().is_empty() || self.input.fill()? {
            let Some(&byte @ (b'\r' | b'\n')) = self.input.unused().first() else {
                break;
            };
            self.lines.pass(byte);
            self.input.consume(1);
        }
        Ok(())
    }

    fn read_record(&mut self) -> Result<Advance, Stop> {
        self.lines.begin_record();
        self.parser.set_line(0);
        let mut pass = Pass::default();
        loop {
            if self.input.unused().is_empty() && !self.input.fill()? {
                return self.read_last(pass);
            }
            let unused = self.input.unused();
            let (result, read, written, ended) = self.parser.read_record(
                unused,
                &mut self.text[pass.text_bytes..],
                &mut self.ends[pass.ends..],
            );
            let used = &unused[..read];
            let whole = result == ReadRecordResult::Record;
            let line_end = used.last().copied().filter(|_| whole);
            pass.count(read, written, ended);
            // An LF within quotes is counted by the parser, a lone CR is not.
            let inner_lines = self.parser.line() - u64::from(line_end == Some(b'\n'));
            pass.spans_lines |= inner_lines > 0 || (!whole && used.contains(&b'\r'));
            self.input.consume(read);
            if pass.is_too_long() && pass.spans_lines {
                return Err(self.open_quote(&pass));
            }
            if let Some(line_end) = line_end {
                self.lines.pass_within_record(inner_lines);
                self.lines.pass(line_end);
                return Ok(self.finish(&pass));
            }
            self.make_room(&mut pass);
        }
    }

    /// The last record, if it has no line end. Another line end tells whether a quote is open: then
    /// it belongs to the field.
    fn read_last(&mut self, mut pass: Pass) -> Result<Advance, Stop> {
        if pass.raw_bytes == 0 {
            return Ok(Advance::End);
        }
        let inner_lines = self.parser.line();
        let (text, ends) = (
            &mut self.text[pass.text_bytes..],
            &mut self.ends[pass.ends..],
        );
        let (result, _, written, ended) = self.parser.read_record(b"\n", text, ends);
        if result == ReadRecordResult::Record {
            pass.count(0, written, ended);
            self.lines.pass_within_record(inner_lines);
            self.lines.pass(b'\n');
            return Ok(self.finish(&pass));
        }
        let text = &self.text[..pass.text_bytes];
        let own_line_end = u64::from(text.ends_with(b"\n"));
        let swallows_lines = inner_lines > own_line_end
            || text.strip_suffix(b"\r\n").unwrap_or(text).contains(&b'\r');
        if swallows_lines {
            return Err(self.open_quote(&pass));
        }
        Ok(Advance::Bad(
            "opens a quote that is not closed: the export may be cut short",
        ))
    }

    /// A record that is too long, or has too many fields, is written over itself: only its end is
    /// looked for.
    fn make_room(&mut self, pass: &mut Pass) {
        if pass.is_too_long() {
            pass.text_bytes = 0;
        } else if pass.text_bytes == self.text.len() {
            // A new buffer, not a grown one, so that the old one is wiped.
            let mut larger = Zeroizing::new(vec![0; self.text.len() * 2]);
            larger[..pass.text_bytes].copy_from_slice(&self.text);
            self.text = larger;
        }
        if pass.ends == self.ends.len() {
            pass.ends = 0;
        }
    }

    fn finish(&mut self, pass: &Pass) -> Advance {
        self.fields = pass.fields;
        if pass.is_too_long() {
            Advance::Bad(TOO_LONG)
        } else {
            Advance::Record
        }
    }

    fn open_quote(&self, pass: &Pass) -> Stop {
        Stop::OpenQuote {
            line: self.lines.of_record(),
            field: pass.fields,
        }
    }
}

impl Pass {
    fn count(&mut self, read: usize, written: usize, ended: usize) {
        self.raw_bytes += read;
        self.text_bytes += written;
        self.ends += ended;
        self.fields += ended;
    }

    fn is_too_long(&self) -> bool {
        self.raw_bytes > MAX_RECORD_BYTES
    }
}

impl Record for CsvRecord<'_> {
    fn value(&self, slot: usize) -> Result<Option<Value<'_>>, Flaw> {
        let bytes = field_of(self.text, self.ends, self.field_of_slot[slot]);
        let text = std::str::from_utf8(bytes).map_err(|_| Flaw::NotUtf8)?;
        Ok((!text.is_empty()).then_some(Value::Text(Cow::Borrowed(text))))
    }
}

fn field_of<'a>(text: &'a [u8], ends: &[usize], field: usize) -> &'a [u8] {
    let start = field.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start..ends[field]]
}

/// Why the first record is no header.
#[derive(Debug)]
pub(super) enum HeaderFault {
    Unfit(&'static str),
    Stop(Stop),
}

/// The delimiter that the header line uses most, outside quotes; a comma if it has none.
pub(super) fn detect_delimiter(first_bytes: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    for &byte in first_bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => counts
                .iter_mut()
                .filter(|(d, _)| *d == byte)
                .for_each(|(_, count)| *count += 1),
        }
    }
    let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > 0)
        .map_or(b',', |(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> CsvRecords {
        let reader = io::Cursor::new(text.as_bytes().to_vec());
        let mut records = CsvRecords::new(Input::new(Box::new(reader)), b',', 1);
        records.header().expect("a header");
        records
    }

    fn lines_of(text: &str) -> Vec<u64> {
        let mut records = records(text);
        let mut lines = Vec::new();
        while records.advance().expect("readable") != Advance::End {
            lines.push(records.line());
        }
        lines
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        assert_eq!(lines_of("a,b\n1,2\n\n3,4\n"), [2, 4]);
        assert_eq!(lines_of("a,b\r\n1,2\r\n\r\n3,4"), [2, 4]);
        assert_eq!(lines_of("a,b\r1,2\r\r3,4\r"), [2, 4]);
        assert_eq!(lines_of("a,b\n\"1\n1\",2\n3,4\n"), [2, 4]);
        assert_eq!(lines_of("a,b\n   \n1,2\n"), [3]);
    }

    #[test]
    fn the_delimiter_is_the_one_that_the_header_uses_most() {
        assert_eq!(detect_delimiter(b"a,b;c,d\n1;2;3;4"), b',');
        assert_eq!(detect_delimiter(b"a;b;c,d\n"), b';');
        assert_eq!(detect_delimiter(b"\"a,b,c\"\td"), b'\t');
        assert_eq!(detect_delimiter(b"token"), b',');
    }

    #[test]
    fn more_fields_than_can_be_held_are_counted() {
        let mut records = records(&format!("a,b\n{}\n1,2\n", ",".repeat(10_000)));
        assert_eq!(records.advance().expect("readable"), Advance::Record);
        let reason = records.record().err().expect("ragged").reason;
        assert!(
            reason.starts_with("has 10001 fields, the header has 2"),
            "{reason}"
        );
        assert_eq!(records.advance().expect("readable"), Advance::Record);
        assert!(records.record().is_ok());
    }
}
