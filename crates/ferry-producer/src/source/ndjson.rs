//! Records of NDJSON: an object on each line.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::input::{Input, Line};
use super::records::{Advance, Malformed, Stop, TOO_LONG};
use super::value::{Flaw, Record, Value, shown_name};

/// Reads records of NDJSON.
pub(super) struct NdjsonRecords {
    input: Input,
    line: u64,
    current: Range<usize>,
    columns: Vec<String>,
    /// Where in the line each column's value lies, as raw JSON.
    spans: Vec<Option<Range<usize>>>,
}

/// One record.
pub(super) struct NdjsonRecord<'a> {
    line: &'a [u8],
    spans: &'a [Option<Range<usize>>],
}

impl NdjsonRecords {
    /// `line` is the one at which `input` stands.
    pub(super) fn new(input: Input, line: u64) -> Self {
        Self {
            input,
            line: line - 1,
            current: 0..0,
            columns: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Says which keys are looked for, in the order of the layout's slots.
    pub(super) fn bind(&mut self, columns: Vec<String>) {
        self.columns = columns;
    }

    /// The line on which the record lies.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Goes to the next record; blank lines are none.
    pub(super) fn advance(&mut self) -> Result<Advance, Stop> {
        loop {
            let line = match self.input.line()? {
                Line::End => return Ok(Advance::End),
                Line::TooLong => None,
                Line::Whole(line) => Some(line),
            };
            self.line += 1;
            let Some(line) = line else {
                return Ok(Advance::Bad(TOO_LONG));
            };
            if !self.input.bytes(line.clone()).trim_ascii().is_empty() {
                self.current = line;
                return Ok(Advance::Record);
            }
        }
    }

    /// The record that [`NdjsonRecords::advance`] stopped at, or why it is none.
    pub(super) fn record(&mut self) -> Result<NdjsonRecord<'_>, Malformed> {
        let line = self.input.bytes(self.current.clone());
        self.spans.clear();
        self.spans.resize(self.columns.len(), None);
        let mut json = serde_json::Deserializer::from_slice(line);
        let mut at_slot = None;
        let object = Object {
            line,
            columns: &self.columns,
            spans: &mut self.spans,
            at_slot: &mut at_slot,
        };
        object
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|fault| Malformed {
                column: at_slot.map(|slot: usize| shown_name(&self.columns[slot])),
                reason: reason(&fault, line),
            })?;
        Ok(NdjsonRecord {
            line,
            spans: &self.spans,
        })
    }
}

/// Never the parser's own sentence, which may hold a value.
fn reason(fault: &serde_json::Error, line: &[u8]) -> String {
    let at = fault.column();
    match fault.classify() {
        Category::Data if fault.to_string().starts_with(TWICE) => TWICE.to_owned(),
        Category::Data => "is not a JSON object".to_owned(),
        Category::Eof => "is cut short: the JSON object does not end on its line".to_owned(),
        _ if std::str::from_utf8(line).is_err() => "is not UTF-8: export it as UTF-8".to_owned(),
        _ if line.contains(&0) => Flaw::Nul.reason().to_owned(),
        _ => format!("is not JSON: see its byte {at}"),
    }
}

const TWICE: &str = "has a mapped key twice: which one counts is not known";

/// Finds the values of the columns in one object.
struct Object<'a, 'c> {
    line: &'a [u8],
    columns: &'c [String],
    spans: &'c mut [Option<Range<usize>>],
    /// Whose value is being read.
    at_slot: &'c mut Option<usize>,
}

impl<'a> DeserializeSeed<'a> for Object<'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(column) = map.next_key_seed(Key(self.columns))? {
            *self.at_slot = column;
            let Some(slot) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw = map.next_value::<&RawValue>()?.get();
            let start = raw.as_ptr().addr() - self.line.as_ptr().addr();
            if self.spans[slot].replace(start..start + raw.len()).is_some() {
                return Err(A::Error::custom(TWICE));
            }
            *self.at_slot = None;
        }
        Ok(())
    }
}

/// From a key to the slot of its column.
struct Key<'c>(&'c [String]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|column| column == key))
    }
}

impl Record for NdjsonRecord<'_> {
    fn value(&self, slot: usize) -> Result<Option<Value<'_>>, Flaw> {
        let Some(span) = self.spans[slot].clone() else {
            return Ok(None);
        };
        let raw = std::str::from_utf8(&self.line[span]).map_err(|_| Flaw::NotUtf8)?;
        match raw.as_bytes().first() {
            Some(b'"') => {
                let text = string(raw)?;
                Ok((!text.is_empty()).then_some(Value::Text(text)))
            }
            Some(b'{' | b'[') => Err(Flaw::Nested),
            Some(b'n') | None => Ok(None),
            Some(_) => Ok(Some(Value::Json(raw))),
        }
    }
}

/// The text of a raw JSON string, borrowed if it has no escapes.
fn string(raw: &str) -> Result<std::borrow::Cow<'_, str>, Flaw> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Ok(raw.trim_matches('"').into());
    }
    serde_json::from_str::<String>(raw)
        .map(Into::into)
        .map_err(|_| Flaw::BadEscape)
}

/// The keys of the objects that lie whole within `window`, in the order in which they first appear.
/// Lines that are no objects are passed over: they will be rejected one by one.
pub(super) fn keys(window: &[u8], is_whole: bool) -> Vec<String> {
    let end = if is_whole {
        window.len()
    } else {
        memchr::memrchr(b'\n', window).unwrap_or(0)
    };
    let mut keys = Vec::new();
    for line in window[..end].split(|byte| *byte == b'\n') {
        let mut json = serde_json::Deserializer::from_slice(line);
        // What was found before a fault was found all the same.
        let _ = json.deserialize_map(Keys(&mut keys));
    }
    keys
}

struct Keys<'k>(&'k mut Vec<String>);

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if !self.0.contains(&key) {
                self.0.push(key);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn value(line: &str) -> Result<Option<String>, String> {
        let reader = io::Cursor::new(line.as_bytes().to_vec());
        let mut records = NdjsonRecords::new(Input::new(Box::new(reader)), 1);
        records.bind(vec!["a".to_owned()]);
        assert_eq!(records.advance().expect("in memory"), Advance::Record);
        let record = records.record().map_err(|malformed| malformed.reason)?;
        match record.value(0).map_err(|flaw| flaw.reason().to_owned())? {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(format!("text {text}"))),
            Some(Value::Json(raw)) => Ok(Some(format!("json {raw}"))),
        }
    }

    #[test]
    fn scalars_keep_their_type() {
        assert_eq!(
            value(r#"{"b":[1,{"a":2}],"a": "x" }"#),
            Ok(Some("text x".to_owned()))
        );
        assert_eq!(value(r#"{"a":1.50}"#), Ok(Some("json 1.50".to_owned())));
        assert_eq!(value(r#"{"a":true}"#), Ok(Some("json true".to_owned())));
        assert_eq!(value(r#"{"a":null}"#), Ok(None));
        assert_eq!(value(r#"{"a":""}"#), Ok(None));
        assert_eq!(value("{}"), Ok(None));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(
            value(r#"{"\u0061":"\"\u00ef\""}"#),
            Ok(Some("text \"ï\"".to_owned()))
        );
        assert_eq!(
            value(r#"{"a":"\ud800"}"#),
            Err(Flaw::BadEscape.reason().to_owned())
        );
    }

    #[test]
    fn what_is_no_object_is_told_without_its_values() {
        assert_eq!(
            value(r#""hunter2""#),
            Err("is not a JSON object".to_owned())
        );
        assert_eq!(
            value(r#"{"a":"hunter2"#).expect_err("cut"),
            "is cut short: the JSON object does not end on its line"
        );
        assert_eq!(
            value(r#"{"a":hunter2}"#),
            Err("is not JSON: see its byte 6".to_owned())
        );
        assert_eq!(
            value(r#"{"a":1}{"a":2}"#),
            Err("is not JSON: see its byte 8".to_owned())
        );
        assert_eq!(value(r#"{"a":1,"a":2}"#), Err(TWICE.to_owned()));
        assert_eq!(
            value(r#"{"a":{"b":1}}"#),
            Err(Flaw::Nested.reason().to_owned())
        );
    }

    #[test]
    fn keys_are_collected_from_whole_lines() {
        let window = b"{\"a\":1,\"b\":2}\nnonsense\n{\"c\":3,\"a\":1}\n{\"cut";
        assert_eq!(keys(window, false), ["a", "b", "c"]);
        assert_eq!(keys(b"{\"a\":1}", true), ["a"]);
        assert_eq!(keys(b"{\"a\":1}", false), Vec::<String>::new());
    }
}
