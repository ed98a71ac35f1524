//! What a record holds in one column, and how a value may be shown.

use std::borrow::Cow;

/// One record of an export, whatever its format.
pub(super) trait Record {
    /// What the column at `slot` of the layout holds; `None` if nothing is given.
    fn value(&self, slot: usize) -> Result<Option<Value<'_>>, Flaw>;
}

/// A value that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Text, without its quotes and escapes.
    Text(Cow<'a, str>),
    /// A JSON number or boolean, as written.
    Json(&'a str),
}

/// Why a value cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    NotUtf8,
    Nul,
    Nested,
    BadEscape,
    TooLong,
}

/// Longest value that is kept, but for the token and the claims, in bytes: no id, email or name
/// comes near it, and a batch of rows stays small.
const MAX_TEXT_BYTES: usize = 4096;

/// Longest value that is shown, in characters: a date with its zone fits.
const MAX_SHOWN_CHARS: usize = 40;

impl<'a> Value<'a> {
    /// As text without surrounding white space; `None` for the ways in which databases write that
    /// there is none.
    pub(super) fn into_text(self) -> Result<Option<Cow<'a, str>>, Flaw> {
        let text = match self {
            Self::Json(raw) => return Ok(Some(Cow::Borrowed(raw))),
            Self::Text(text) => trimmed(text),
        };
        match text.as_ref() {
            "" | "NULL" | r"\N" => Ok(None),
            given if memchr::memchr(0, given.as_bytes()).is_some() => Err(Flaw::Nul),
            _ => Ok(Some(text)),
        }
    }

    /// As [`Value::into_text`], at most 4 KiB.
    pub(super) fn into_short_text(self) -> Result<Option<Cow<'a, str>>, Flaw> {
        match self.into_text()? {
            Some(text) if text.len() > MAX_TEXT_BYTES => Err(Flaw::TooLong),
            text => Ok(text),
        }
    }
}

impl Flaw {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NotUtf8 => "is not UTF-8: export it as UTF-8",
            Self::Nul => "holds a NUL byte: the export is damaged there, or not UTF-8",
            Self::Nested => "is an object or an array: give text or a number",
            Self::BadEscape => "holds a JSON escape that is no character",
            Self::TooLong => "is longer than 4096 bytes: the wrong column may be mapped",
        }
    }
}

/// ` ("2026-02-31")` if the value is made of what dates and numbers are made of, so that it cannot
/// be a secret; else its length.
pub(super) fn shown_if_plain(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_digit() || b"-+:./, TZ".contains(&byte);
    if value.len() <= MAX_SHOWN_CHARS && value.bytes().all(plain) {
        format!(" (\"{value}\")")
    } else {
        format!(" (a value of {} characters)", value.chars().count())
    }
}

/// A name from the export or the configuration, fit for a terminal: short, control characters
/// escaped.
pub(super) fn shown_name(name: &str) -> String {
    let mut shown: String = name
        .chars()
        .take(MAX_SHOWN_CHARS)
        .flat_map(escaped)
        .collect();
    if name.chars().nth(MAX_SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// A path, fit for a terminal.
pub(super) fn shown_path(path: &str) -> String {
    path.chars().flat_map(escaped).collect()
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let (plain, special) = match character {
        '\'' | '"' | '\\' => (Some(character), None),
        _ => (None, Some(character.escape_debug())),
    };
    plain.into_iter().chain(special.into_iter().flatten())
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(given: &str) -> Result<Option<Cow<'_, str>>, Flaw> {
        Value::Text(Cow::Borrowed(given)).into_text()
    }

    #[test]
    fn a_databases_null_is_no_value() {
        for given in ["", "  ", "NULL", r"\N", " NULL "] {
            assert_eq!(text(given), Ok(None), "{given:?}");
        }
        assert_eq!(text("null-and-void"), Ok(Some("null-and-void".into())));
    }

    #[test]
    fn only_what_looks_like_a_date_or_a_number_is_shown() {
        assert_eq!(shown_if_plain("2026-02-31"), " (\"2026-02-31\")");
        assert_eq!(shown_if_plain("hunter2"), " (a value of 7 characters)");
        assert_eq!(
            shown_if_plain(&"1".repeat(41)),
            " (a value of 41 characters)"
        );
    }

    #[test]
    fn a_shown_name_cannot_steer_a_terminal() {
        assert_eq!(shown_name("\u{1b}[31mid"), r"\u{1b}[31mid");
        assert_eq!(shown_name(&"x".repeat(50)).chars().count(), 41);
        assert_eq!(shown_path("/exports/o'neil.csv"), "/exports/o'neil.csv");
    }
}
