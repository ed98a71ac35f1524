//! What several commands show alike.

use std::io::{self, IsTerminal, Write};
use std::str::FromStr;

use anyhow::{Result, anyhow};
use ferry_core::Timestamp;
use ferry_core::reason::DeadReason;

use crate::exit::{Coded, Exit};

/// How wide a page is.
const COLUMNS: usize = 80;

/// What to do about sessions that died of this.
pub(super) fn remedy(reason: &str) -> &'static str {
    DeadReason::from_str(reason).map_or(
        "see the changelog: a newer version wrote this reason",
        DeadReason::remedy,
    )
}

/// Whether a replay can be of use, as far as the reason goes.
pub(super) fn can_mend(reason: &str) -> bool {
    DeadReason::from_str(reason).map_or(true, DeadReason::is_mendable)
}

/// The text in lines that fit behind an indent, each with that.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one");
        if line.is_empty() {
            line.push_str(word);
        } else if indent + line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(word.to_owned());
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    let margin = " ".repeat(indent);
    let lines = lines.iter().flat_map(|line| [margin.as_str(), line, "\n"]);
    lines.collect()
}

/// What the export says, fit for a terminal: nothing in it moves the cursor.
pub(in crate::commands) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| -> Box<dyn Iterator<Item = char>> {
            if c.is_control() {
                Box::new(c.escape_default())
            } else {
                Box::new(std::iter::once(c))
            }
        })
        .collect()
}

/// RFC 3339, to the second.
pub(in crate::commands) fn seconds(moment: Timestamp) -> String {
    Timestamp::from_seconds(moment.as_millis().div_euclid(1000)).to_string()
}

/// Asks, where somebody can answer.
pub(in crate::commands) fn confirmed(question: &str, unasked: &str) -> Result<bool> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(anyhow!("{unasked}: add --yes").context(Coded(Exit::Usage)));
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Nothing says which sessions are meant.
pub(super) fn which() -> anyhow::Error {
    anyhow!("say which sessions: --reason, --run or another filter, or --all")
        .context(Coded(Exit::Usage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_wrapped_behind_its_indent() {
        let text = wrapped(&"word ".repeat(40), 11);
        assert!(
            text.lines()
                .all(|line| line.len() <= COLUMNS && line.starts_with("           w"))
        );
        assert_eq!(text.matches("word").count(), 40);
    }

    #[test]
    fn nothing_that_is_printed_moves_the_cursor() {
        assert_eq!(
            printable("eve\x1b[2J@example.com"),
            "eve\\u{1b}[2J@example.com"
        );
    }
}
