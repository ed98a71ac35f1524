//! Text for people, at 80 columns: numbers, lengths of time, and lines that fit.

use std::time::Duration;

/// How wide a page is.
pub(crate) const COLUMNS: usize = 80;

/// 41300 as 41,300.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1,300 sessions`, `1 session`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", grouped(number))
}

/// `1 person`, `1,300 people`.
pub(crate) fn people(number: u64) -> String {
    match number {
        1 => "1 person".to_owned(),
        number => format!("{} people", grouped(number)),
    }
}

/// The two largest units: `2 d 3 h`, `1 h 12 min`, `40 s`.
pub(crate) fn lasting(duration: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut left = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        if parts.len() < 2 && left >= unit {
            parts.push(format!("{} {name}", left / unit));
            left %= unit;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        "0 s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// Breaks text into lines of [`COLUMNS`]: `first` stands before the first one, and as many blanks
/// before the others. A word that is too long stands alone.
pub(crate) fn wrapped(first: &str, text: &str) -> String {
    let indent = first.chars().count();
    let mut page = first.to_owned();
    let mut column = indent;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > COLUMNS {
            page.push('\n');
            page.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += width;
    }
    page.push('\n');
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_in_two_units() {
        let told = |seconds| lasting(Duration::from_secs(seconds));
        assert_eq!(told(0), "0 s");
        assert_eq!(told(59), "59 s");
        assert_eq!(told(3600), "1 h");
        assert_eq!(told(4359), "1 h 12 min");
        assert_eq!(told(3607), "1 h");
        assert_eq!(told(183_600), "2 d 3 h");
    }

    #[test]
    fn lines_end_before_the_edge_and_keep_their_indent() {
        let page = wrapped("  - ", &"word ".repeat(40));
        assert!(page.lines().all(|line| line.len() <= COLUMNS), "{page}");
        assert!(page.starts_with("  - word word"));
        assert!(
            page.lines()
                .skip(1)
                .all(|line| line.starts_with("    word"))
        );
        assert_eq!(wrapped("> ", &"x".repeat(90)).lines().count(), 1);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(counted(1, "session"), "1 session");
        assert_eq!(counted(41_300, "session"), "41,300 sessions");
    }
}
