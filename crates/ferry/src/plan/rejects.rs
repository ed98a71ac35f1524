//! Rejected rows by reason.

use std::collections::HashMap;

use ferry_core::session::Reject;
use serde::Serialize;

/// Rejected rows, counted by column and reason.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    groups: HashMap<(Option<String>, String), (u64, u64)>,
    others: u64,
}

/// Why rows were rejected.
#[derive(Debug, Serialize)]
pub(super) struct RejectGroup {
    /// The column at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<String>,
    pub(super) reason: String,
    pub(super) count: u64,
    /// The line of the first of them.
    pub(super) example_line: u64,
}

/// Reasons that name counts (`has 3 fields, the header has 5`) can be many: further ones are
/// counted together.
const MOST_GROUPS: usize = 24;

impl Rejects {
    pub(super) fn add(&mut self, reject: Reject) {
        let key = (reject.column, without_value(&reject.reason).to_owned());
        if let Some((count, _)) = self.groups.get_mut(&key) {
            *count += 1;
        } else if self.groups.len() < MOST_GROUPS {
            self.groups.insert(key, (1, reject.line));
        } else {
            self.others += 1;
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.others + self.groups.values().map(|(count, _)| count).sum::<u64>()
    }

    /// The most frequent first.
    pub(super) fn into_groups(self) -> Vec<RejectGroup> {
        let groups = self.groups.into_iter();
        let mut groups: Vec<_> = groups
            .map(|((column, reason), (count, example_line))| RejectGroup {
                column,
                reason,
                count,
                example_line,
            })
            .collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.count), group.example_line));
        if self.others > 0 {
            groups.push(RejectGroup {
                column: None,
                reason: "other reasons: the rejects file of a run tells each".to_owned(),
                count: self.others,
                example_line: 0,
            });
        }
        groups
    }
}

/// The reason without what stands in brackets at its end: the row's own value, or its length.
fn without_value(reason: &str) -> &str {
    match reason.rfind(" (") {
        Some(at) if reason.ends_with(')') => &reason[..at],
        _ => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_the_value_are_one() {
        let mut rejects = Rejects::default();
        for (line, value) in [(2, "(\"2026-02-31\")"), (3, "(a value of 9 characters)")] {
            rejects.add(Reject {
                row: line - 1,
                line,
                column: Some("expires".to_owned()),
                reason: format!("is not a time: give RFC 3339 (2026-01-31) or seconds {value}"),
            });
        }
        let groups = rejects.into_groups();
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].count, groups[0].example_line), (2, 2));
        assert!(groups[0].reason.ends_with("or seconds"), "{groups:?}");
    }

    #[test]
    fn ever_new_reasons_do_not_fill_the_memory() {
        let mut rejects = Rejects::default();
        for fields in 0..1000 {
            rejects.add(Reject {
                row: fields,
                line: fields,
                column: None,
                reason: format!("has {fields} fields, the header has 5"),
            });
        }
        assert_eq!(rejects.total(), 1000);
        assert_eq!(rejects.into_groups().len(), MOST_GROUPS + 1);
    }
}
