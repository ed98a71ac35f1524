//! Counting lines by LF, CRLF and lone CR.

/// Counts lines while records are read.
pub(super) struct Lines {
    /// The line of the next byte.
    current: u64,
    /// The line on which the record begins.
    record: u64,
    /// The byte before was a CR, so that an LF belongs to it.
    after_cr: bool,
}

impl Lines {
    /// At the beginning of `line`.
    pub(super) fn from(line: u64) -> Self {
        Self {
            current: line,
            record: line,
            after_cr: false,
        }
    }

    /// A line end between records, or the one that ends a record.
    pub(super) fn pass(&mut self, line_end: u8) {
        let second_half = line_end == b'\n' && self.after_cr;
        self.current += u64::from(!second_half);
        self.after_cr = line_end == b'\r';
    }

    /// Line ends that are part of a record, within quotes.
    pub(super) fn pass_within_record(&mut self, lines: u64) {
        self.current += lines;
    }

    pub(super) fn begin_record(&mut self) {
        self.record = self.current;
        self.after_cr = false;
    }

    /// The line on which the record begins.
    pub(super) fn of_record(&self) -> u64 {
        self.record
    }

    /// The line on which the record ends, once its line end was passed.
    pub(super) fn last_of_record(&self) -> u64 {
        self.current.saturating_sub(1).max(self.record)
    }
}

/// How many lines end in `blank`.
pub(super) fn line_ends(blank: &[u8]) -> u64 {
    let ends = |(at, byte): &(usize, &u8)| {
        **byte == b'\n' || (**byte == b'\r' && blank.get(at + 1) != Some(&b'\n'))
    };
    blank.iter().enumerate().filter(ends).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crlf_is_one_line_end_and_lone_cr_is_one_too() {
        assert_eq!(line_ends(b"\n \r\n\r \r\r\n"), 5);
        let mut lines = Lines::from(1);
        b"\n\r\n\r\r\n".iter().for_each(|byte| lines.pass(*byte));
        lines.begin_record();
        assert_eq!(lines.of_record(), 5);
    }
}
