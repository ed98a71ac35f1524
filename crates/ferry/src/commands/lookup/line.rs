//! What is asked for, line by line.

use std::io::{self, BufRead, Read};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A longer line is no session: ids have some hundred characters, tokens as ids a few thousand.
const LONGEST_BYTES: u64 = 64 * 1024;

/// What the lines hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A legacy session's id, and its organization.
    LegacySession,
    /// A legacy session's id: there are no organizations.
    LegacySessionOfUser,
    /// A Stytch session's id.
    StytchSession,
}

/// One line.
#[derive(Debug)]
pub(super) enum Line {
    LegacySession {
        id: SecretString,
        organization: String,
    },
    StytchSession(String),
    /// What is wrong with it; never a part of it.
    Garbage(&'static str),
}

/// The lines of an input.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    wanted: Wanted,
    number: u64,
    columns: Columns,
    is_begun: bool,
}

/// In which CSV column each is.
#[derive(Debug, Clone, Copy)]
struct Columns {
    id: usize,
    organization: Option<usize>,
    /// A header says so; else a row with more columns is not understood.
    is_named: bool,
}

const LONG: &str = "the line is longer than 64 KiB";
const NOT_TEXT: &str = "the line is not UTF-8 text";
const NOT_JSON: &str = "the line is not a JSON object";
const NOT_CSV: &str = "the line is not CSV: want session_id,organization";
const NO_ID: &str = "there is no session_id";
const NO_STYTCH_ID: &str = "there is no member_session_id";
const NO_ORGANIZATION: &str = "there is no organization";

impl<R: BufRead> Lines<R> {
    pub(super) fn of(input: R, wanted: Wanted) -> Self {
        Self {
            input,
            wanted,
            number: 0,
            columns: Columns {
                id: 0,
                organization: Some(1),
                is_named: false,
            },
            is_begun: false,
        }
    }

    /// The next lines with their numbers, from 1; none at the end. Empty lines and a header are
    /// passed over.
    pub(super) fn next_at_most(&mut self, lines: usize) -> io::Result<Vec<(u64, Line)>> {
        let mut batch = Vec::new();
        while batch.len() < lines {
            let Some(text) = self.read()? else { break };
            let line = match text {
                Err(fault) => Some(Line::Garbage(fault)),
                Ok(text) => self.parse(text.expose_secret()),
            };
            batch.extend(line.map(|line| (self.number, line)));
        }
        Ok(batch)
    }

    /// One line without its end.
    fn read(&mut self) -> io::Result<Option<Result<SecretString, &'static str>>> {
        let mut bytes = Vec::new();
        let mut bounded = (&mut self.input).take(LONGEST_BYTES);
        if bounded.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if bytes.last() != Some(&b'\n') && bytes.len() as u64 == LONGEST_BYTES {
            self.input.skip_until(b'\n')?;
            return Ok(Some(Err(LONG)));
        }
        let text = String::from_utf8(bytes).map(SecretString::from);
        Ok(Some(text.map_err(|_| NOT_TEXT)))
    }

    /// `None`: nothing is asked there.
    fn parse(&mut self, text: &str) -> Option<Line> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return None;
        }
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        if text.starts_with('{') {
            return Some(self.object(text).unwrap_or_else(Line::Garbage));
        }
        let Some(cells) = cells(text) else {
            return Some(Line::Garbage(NOT_CSV));
        };
        if let Some(named) = is_first.then(|| self.header(&cells)).flatten() {
            self.columns = named;
            return None;
        }
        Some(self.row(&cells).unwrap_or_else(Line::Garbage))
    }

    fn object(&self, text: &str) -> Result<Line, &'static str> {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            return Err(NOT_JSON);
        };
        let field = |name: &str| match object.get(name)? {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        self.line(field(self.id_name()), field("organization"))
    }

    fn header(&self, cells: &[String]) -> Option<Columns> {
        let place = |name: &str| cells.iter().position(|cell| cell == name);
        Some(Columns {
            id: place(self.id_name())?,
            organization: place("organization"),
            is_named: true,
        })
    }

    fn row(&self, cells: &[String]) -> Result<Line, &'static str> {
        let columns = match self.wanted {
            Wanted::LegacySession => 2,
            Wanted::LegacySessionOfUser | Wanted::StytchSession => 1,
        };
        if !self.columns.is_named && cells.len() > columns {
            return Err(NOT_CSV);
        }
        let cell = |place: usize| cells.get(place).cloned();
        let organization = self.columns.organization.and_then(cell);
        self.line(cell(self.columns.id), organization)
    }

    fn line(&self, id: Option<String>, organization: Option<String>) -> Result<Line, &'static str> {
        let filled = |text: &String| !text.is_empty();
        let id = id.filter(filled);
        match self.wanted {
            Wanted::StytchSession => id.map(Line::StytchSession).ok_or(NO_STYTCH_ID),
            Wanted::LegacySession | Wanted::LegacySessionOfUser => {
                let id = id.ok_or(NO_ID)?.into();
                let organization = match self.wanted {
                    Wanted::LegacySession => organization.filter(filled).ok_or(NO_ORGANIZATION)?,
                    _ => String::new(),
                };
                Ok(Line::LegacySession { id, organization })
            }
        }
    }

    fn id_name(&self) -> &'static str {
        match self.wanted {
            Wanted::StytchSession => "member_session_id",
            Wanted::LegacySession | Wanted::LegacySessionOfUser => "session_id",
        }
    }
}

/// The cells of one line of CSV, trimmed.
fn cells(text: &str) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], wanted: Wanted) -> Vec<String> {
        let mut lines = Lines::of(text, wanted);
        let batch = lines.next_at_most(100).expect("memory does not fail");
        let shown = |(number, line)| match line {
            Line::LegacySession { id, organization } => {
                format!("{number}: {} in {organization}", id.expose_secret())
            }
            Line::StytchSession(id) => format!("{number}: {id}"),
            Line::Garbage(fault) => format!("{number}! {fault}"),
        };
        batch.into_iter().map(shown).collect()
    }

    #[test]
    fn csv_and_json_lines_are_read_side_by_side() {
        let text =
            b"alice-1, acme\n\n{\"session_id\": 7, \"organization\": \"acme\"}\n\"bob,1\",acme";
        let want = ["1: alice-1 in acme", "3: 7 in acme", "4: bob,1 in acme"];
        assert_eq!(read(text, Wanted::LegacySession), want);
    }

    #[test]
    fn a_header_names_the_columns_in_any_order() {
        let text = b"\xef\xbb\xbfemail,organization,session_id\r\na@example.com,acme,alice-1\r\n";
        assert_eq!(read(text, Wanted::LegacySession), ["2: alice-1 in acme"]);
    }

    #[test]
    fn garbage_is_told_by_its_number_and_the_rest_goes_on() {
        let mut text = b"a,b,c\n{\"session_id\": }\n[1]\n\xff\xfe\n,acme\nalice-1\n".to_vec();
        text.extend(vec![b'x'; 200_000]);
        text.extend(b"\nalice-1,acme\n{}\n");
        let want = [
            format!("1! {NOT_CSV}"),
            format!("2! {NOT_JSON}"),
            format!("3! {NO_ORGANIZATION}"),
            format!("4! {NOT_TEXT}"),
            format!("5! {NO_ID}"),
            format!("6! {NO_ORGANIZATION}"),
            format!("7! {LONG}"),
            "8: alice-1 in acme".to_owned(),
            format!("9! {NO_ID}"),
        ];
        assert_eq!(read(&text, Wanted::LegacySession), want);
    }

    #[test]
    fn users_have_no_organization() {
        let text = b"alice-1\n{\"session_id\":\"bob-1\"}\n";
        let want = ["1: alice-1 in ", "2: bob-1 in "];
        assert_eq!(read(text, Wanted::LegacySessionOfUser), want);
    }

    #[test]
    fn stytch_sessions_are_read_with_and_without_a_header() {
        let want = ["1: session-1", "2: session-2"];
        assert_eq!(read(b"session-1\nsession-2\n", Wanted::StytchSession), want);
        let text = b"run,member_session_id\nspring,session-1\n";
        assert_eq!(read(text, Wanted::StytchSession), ["2: session-1"]);
    }
}
