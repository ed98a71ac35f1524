//! What the statements of a stage cost in the database.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::figure::{each, float};
use crate::fleet::database::Written;

/// The statements of one stage, as the server counted them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// Sessions that went through it.
    pub(crate) sessions: u64,
    /// Dearest first; the disk comes last.
    pub(crate) statements: Vec<Statement>,
}

/// All statements with one name together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Statement {
    /// What Ferry calls it, or its first word.
    pub(crate) name: String,
    pub(crate) calls: u64,
    /// From its begin to its end in the server. The log's way to the disk, which a commit waits for,
    /// comes after that.
    pub(crate) millis: f64,
    /// What it added to the log.
    pub(crate) log_bytes: u64,
}

/// Cheaper ones are summed up, in microseconds for each session.
const LEAST_MICROS: f64 = 0.5;

impl Statement {
    /// Sums up rows of `pg_stat_statements`: query, calls, milliseconds, bytes of the log.
    pub(crate) fn by_name(rows: Vec<(String, i64, f64, i64)>) -> Vec<Self> {
        let mut named = BTreeMap::<String, Self>::new();
        for (query, calls, millis, log_bytes) in rows {
            let sum = named.entry(name_of(&query)).or_default();
            sum.calls += calls.unsigned_abs();
            sum.millis += millis;
            sum.log_bytes += log_bytes.unsigned_abs();
        }
        let named = named.into_iter();
        let mut all: Vec<_> = named.map(|(name, sum)| Self { name, ..sum }).collect();
        all.sort_by(|one, other| other.millis.total_cmp(&one.millis));
        all
    }

    fn micros_each(&self, sessions: u64) -> f64 {
        self.millis * 1000.0 / float(sessions.max(1))
    }

    fn line(&self, sessions: u64) -> String {
        format!(
            "| {} | {:.4} | {:.1} | {:.0} |\n",
            self.name,
            each(self.calls, sessions),
            self.micros_each(sessions),
            each(self.log_bytes, sessions)
        )
    }
}

impl Stage {
    /// The statements of a stage and, as one more, the waits for the disk.
    pub(crate) fn new(
        name: &str,
        sessions: u64,
        statements: Vec<Statement>,
        written: Option<Written>,
    ) -> Self {
        let syncs = written.and_then(|written| Some((written.syncs?, written.sync_millis)));
        let syncs = syncs.map(|(syncs, millis)| Statement {
            name: "(fsync of the log)".to_owned(),
            calls: syncs.unsigned_abs(),
            millis,
            log_bytes: 0,
        });
        Self {
            name: name.to_owned(),
            sessions,
            statements: statements.into_iter().chain(syncs).collect(),
        }
    }

    /// A table, its cheap statements in one line.
    pub(crate) fn markdown(&self) -> String {
        let dear = |one: &&Statement| one.micros_each(self.sessions) >= LEAST_MICROS;
        let mut text = format!(
            "{}, {} sessions:\n\n| statement | calls each | time in the server, µs each | WAL, bytes each |\n|---|--:|--:|--:|\n",
            self.name,
            crate::measurement::grouped(self.sessions)
        );
        let mut rest = Statement {
            name: "all others".to_owned(),
            ..Statement::default()
        };
        for one in &self.statements {
            if dear(&one) {
                let _ = text.write_str(&one.line(self.sessions));
            } else {
                rest.calls += one.calls;
                rest.millis += one.millis;
                rest.log_bytes += one.log_bytes;
            }
        }
        text + &rest.line(self.sessions)
    }
}

/// The name in the comment at its head; without one, its first word.
fn name_of(query: &str) -> String {
    let named = query
        .strip_prefix("/* ")
        .and_then(|rest| rest.split_once(" */"));
    named.map_or_else(
        || {
            let word = query.split_whitespace().next().unwrap_or_default();
            match word {
                // Files of the schema, which begin with their comment.
                "--" | "CREATE" | "ALTER" => "(schema)".to_owned(),
                _ => word.trim_end_matches(';').to_uppercase(),
            }
        },
        |(name, _)| name.to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_one_name_are_one_line_and_the_dearest_comes_first() {
        let row = |query: &str, millis| (query.to_owned(), 2, millis, 100);
        let sums = Statement::by_name(vec![
            row("/* claim */ UPDATE a", 1.0),
            row("/* claim */ UPDATE b", 2.0),
            row("COMMIT", 9.0),
        ]);
        assert_eq!(sums[0].name, "COMMIT");
        let claim = Statement {
            name: "claim".to_owned(),
            calls: 4,
            millis: 3.0,
            log_bytes: 200,
        };
        assert_eq!(sums[1..], [claim]);
    }
}
