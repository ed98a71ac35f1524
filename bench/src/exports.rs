//! Exports of the simulator's people.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use ferry_ledger::{Clock as _, SystemClock};
use ferry_sim::Population;
use ferry_sim::export::{self, ExportOptions};

/// What the simulator and its exports are drawn from.
pub(crate) const SEED: u64 = 7;

/// The tokens must name some issuer; the simulator knows its own by their seal.
const ISSUER: &str = "http://127.0.0.1:4010/oidc";

/// Sessions without a blemish, each of a person of its own.
pub(crate) fn population(sessions: u64) -> Population {
    Population::new(sessions, SEED)
}

/// Writes exports, as of now, each with a range of the sessions.
pub(crate) fn write(sessions: u64, parts: &[(&Path, Range<u64>)]) -> Result<()> {
    let now = SystemClock::start().now().as_millis();
    let now = jiff::Timestamp::from_millisecond(now).context("the wall clock is far off")?;
    let options = ExportOptions::new(ISSUER, now);
    let part = |(path, rows): &(&Path, Range<u64>)| {
        let file = File::create(path)?;
        Ok((BufWriter::new(file), rows.clone()))
    };
    let parts = parts.iter().map(part).collect::<io::Result<_>>()?;
    let mut splitter = Splitter { parts, row: None };
    export::write(&population(sessions), &mut splitter, &options)?;
    Ok(())
}

/// Hands the header to all parts, and each row to those that want it.
struct Splitter<W> {
    parts: Vec<(W, Range<u64>)>,
    /// The row that comes next; `None` before the header.
    row: Option<u64>,
}

impl<W: Write> Write for Splitter<W> {
    /// The export's writer hands over one line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        for (writer, rows) in &mut self.parts {
            if self.row.is_none_or(|row| rows.contains(&row)) {
                writer.write_all(line)?;
            }
        }
        self.row = Some(self.row.map_or(0, |row| row + 1));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.parts
            .iter_mut()
            .try_for_each(|(writer, _)| writer.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_the_header_and_its_own_rows() {
        let mut splitter = Splitter {
            parts: vec![(Vec::new(), 0..2), (Vec::new(), 1..3)],
            row: None,
        };
        for line in ["header\n", "0\n", "1\n", "2\n"] {
            splitter.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(splitter.parts[0].0, b"header\n0\n1\n");
        assert_eq!(splitter.parts[1].0, b"header\n1\n2\n");
    }
}
