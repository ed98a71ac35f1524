//! A bounded window on the bytes of the export.

use std::io::{self, Read};
use std::ops::Range;

use zeroize::Zeroizing;

/// Size of the window: a few hundred records with JWTs, so that what is done once for each window
/// costs nothing.
pub(super) const WINDOW_BYTES: usize = 256 * 1024;

/// Longest record, in bytes: a token is at most 16 KiB, so what is longer is no session.
pub(super) const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// The bytes that were read and not yet used.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Zeroizing<Vec<u8>>,
    unused: Range<usize>,
    ended: bool,
}

/// What [`Input::line`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, without its line end; see [`Input::bytes`].
    Whole(Range<usize>),
    /// A line of more than 1 MiB, passed over.
    TooLong,
    End,
}

impl Input {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        let buffer = Zeroizing::new(vec![0; WINDOW_BYTES]);
        Self {
            reader,
            buffer,
            unused: 0..0,
            ended: false,
        }
    }

    /// What was read and not yet used.
    pub(super) fn unused(&self) -> &[u8] {
        &self.buffer[self.unused.clone()]
    }

    /// Marks the first `bytes` of [`Input::unused`] as used.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.unused.start += bytes;
        debug_assert!(
            self.unused.start <= self.unused.end,
            "more used than was read"
        );
    }

    /// The bytes of a line, until the next call that reads.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Fills the window, unless the export ends before.
    pub(super) fn fill_window(&mut self) -> io::Result<()> {
        while self.unused.len() < WINDOW_BYTES && self.fill()? {}
        Ok(())
    }

    /// Reads once more behind what is unused; `false` at the end of the export.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.unused.is_empty() {
            self.unused = 0..0;
        } else if self.unused.end == self.buffer.len() {
            self.make_room();
        }
        let bytes = self.reader.read(&mut self.buffer[self.unused.end..])?;
        self.unused.end += bytes;
        self.ended = bytes == 0;
        Ok(!self.ended)
    }

    fn make_room(&mut self) {
        let length = self.unused.len();
        if self.unused.start > 0 {
            self.buffer.copy_within(self.unused.clone(), 0);
            self.unused = 0..length;
        } else {
            // A new buffer, not a grown one, so that the old one is wiped.
            let mut larger = Zeroizing::new(vec![0; self.buffer.len() * 2]);
            larger[..length].copy_from_slice(&self.buffer[..length]);
            self.buffer = larger;
        }
    }

    /// The next line, which ends at LF or at the end of the export.
    pub(super) fn line(&mut self) -> io::Result<Line> {
        let mut searched = 0;
        loop {
            let found = memchr::memchr(b'\n', &self.unused()[searched..]);
            if let Some(at) = found.map(|at| searched + at) {
                let line = self.unused.start..self.unused.start + at;
                self.consume(at + 1);
                return Ok(whole_unless_too_long(line));
            }
            searched = self.unused.len();
            if searched > MAX_RECORD_BYTES {
                self.skip_line()?;
                return Ok(Line::TooLong);
            }
            if !self.fill()? {
                let rest = self.unused.clone();
                self.consume(rest.len());
                return Ok(if rest.is_empty() {
                    Line::End
                } else {
                    whole_unless_too_long(rest)
                });
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            match memchr::memchr(b'\n', self.unused()) {
                Some(at) => {
                    self.consume(at + 1);
                    return Ok(());
                }
                None => self.consume(self.unused.len()),
            }
            if !self.fill()? {
                return Ok(());
            }
        }
    }
}

fn whole_unless_too_long(line: Range<usize>) -> Line {
    if line.len() > MAX_RECORD_BYTES {
        Line::TooLong
    } else {
        Line::Whole(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: Vec<u8>) -> Input {
        Input::new(Box::new(io::Cursor::new(bytes)))
    }

    #[test]
    fn the_last_line_needs_no_line_end() {
        let mut input = input(b"one\n\nthree".to_vec());
        let mut lines = Vec::new();
        while let Line::Whole(range) = input.line().expect("in memory") {
            lines.push(input.bytes(range).to_vec());
        }
        assert_eq!(lines, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn the_longest_line_is_read_and_a_longer_one_is_passed_over() {
        let mut bytes = vec![b'a'; MAX_RECORD_BYTES];
        bytes.push(b'\n');
        bytes.extend(vec![b'b'; 5 * MAX_RECORD_BYTES]);
        bytes.extend(b"\nend");
        let mut input = input(bytes);
        let Line::Whole(longest) = input.line().expect("in memory") else {
            panic!("exactly 1 MiB is not too long")
        };
        assert_eq!(longest.len(), MAX_RECORD_BYTES);
        assert_eq!(input.line().expect("in memory"), Line::TooLong);
        assert!(input.buffer.len() <= 4 * MAX_RECORD_BYTES);
        let Line::Whole(end) = input.line().expect("in memory") else {
            panic!("a line")
        };
        assert_eq!(input.bytes(end), b"end");
        assert_eq!(input.line().expect("in memory"), Line::End);
    }
}
