//! docs/logs.md, held to the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Of crates that log on behalf of an operator; the simulator and the tests' own do not.
const CRATES: [&str; 7] = [
    "ferry",
    "ferry-ledger",
    "ferry-metrics",
    "ferry-producer",
    "ferry-queue",
    "ferry-stytch",
    "ferry-worker",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each source file below this folder, without the tests at its end.
fn sources(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            texts.push(code.to_owned());
        }
    }
    texts
}

/// The last text among a macro's arguments, which begin here: the message.
fn message(arguments: &str) -> Option<String> {
    let (mut depth, mut last, mut text) = (1, None, None::<String>);
    let mut characters = arguments.chars();
    while let Some(character) = characters.next() {
        match (&mut text, character) {
            (Some(open), '\\') => open.extend(characters.next()),
            (Some(_), '"') => last = text.take(),
            (Some(open), _) => open.push(character),
            (None, '"') => text = Some(String::new()),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
        if depth == 0 {
            break;
        }
    }
    last
}

/// Level and message of every line that is logged.
fn logged() -> BTreeSet<(String, String)> {
    let mut logged = BTreeSet::new();
    for name in CRATES {
        for text in sources(&root().join("crates").join(name).join("src")) {
            for level in ["error", "warn", "info"] {
                let call = format!("tracing::{level}!(");
                for (at, _) in text.match_indices(&call) {
                    let message = message(&text[at + call.len()..]);
                    logged.insert((level.to_owned(), message.expect("a message")));
                }
            }
        }
    }
    logged
}

/// Level and message of every row of the page's tables.
fn written() -> BTreeSet<(String, String)> {
    let page = fs::read_to_string(root().join("docs/logs.md")).unwrap();
    let row = |line: &str| {
        let (level, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
        let (message, _) = rest.split_once("` |")?;
        Some((level.to_owned(), message.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_page_tells_every_message_with_its_level_and_none_besides() {
    let (logged, written) = (logged(), written());
    assert!(logged.len() > 40, "{logged:?}");
    let missing: Vec<_> = logged.difference(&written).collect();
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
    let gone: Vec<_> = written.difference(&logged).collect();
    assert!(gone.is_empty(), "not logged: {gone:#?}");
}
