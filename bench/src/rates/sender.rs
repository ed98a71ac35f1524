//! Calls as their senders tell of them, in the log.

use std::collections::VecDeque;

use serde_json::Value;

use crate::figure::float;

/// A call that left, in microseconds of the ledger's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) at: i64,
    pub(crate) planned: i64,
}

const SECOND: i64 = 1_000_000;

impl Sent {
    /// From a log line in JSON, if it tells of one.
    pub(crate) fn read(line: &str) -> Option<Self> {
        if !line.contains("call sent") {
            return None;
        }
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = &line["fields"];
        Some(Self {
            at: fields["sent"].as_i64()?,
            planned: fields["planned"].as_i64()?,
        })
    }
}

/// The most calls within any second, wherever it begins.
pub(crate) fn fullest_second(sent: &mut [Sent]) -> usize {
    sent.sort_unstable();
    let mut second = VecDeque::new();
    let mut fullest = 0;
    for call in sent {
        second.push_back(call.at);
        while second
            .front()
            .is_some_and(|first| call.at - first >= SECOND)
        {
            second.pop_front();
        }
        fullest = fullest.max(second.len());
    }
    fullest
}

/// How late calls left, in milliseconds: the middle one, and that of one in a hundred.
pub(crate) fn lateness(sent: &[Sent]) -> Option<(f64, f64)> {
    let mut late: Vec<_> = sent.iter().map(|call| call.at - call.planned).collect();
    late.sort_unstable();
    let of = |place: usize| {
        let micros = late.get(place).copied()?.max(0);
        Some(float(micros.unsigned_abs()) / 1000.0)
    };
    Some((of(late.len() / 2)?, of(late.len() * 99 / 100)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_counted_wherever_it_begins() {
        let at = |at| Sent { at, planned: at };
        let mut sent = [900_000, 950_000, 1_000_000, 1_899_999, 1_900_000].map(at);
        assert_eq!(fullest_second(&mut sent), 4);
        assert_eq!(fullest_second(&mut []), 0);
    }

    #[test]
    fn a_line_of_the_log_tells_when_a_call_left() {
        let line = r#"{"fields":{"message":"call sent","sent":1500,"planned":500},"target":"x"}"#;
        let sent = Sent::read(line).unwrap();
        assert_eq!(lateness(&[sent]), Some((1.0, 1.0)));
        assert_eq!(Sent::read(r#"{"fields":{"message":"other"}}"#), None);
    }
}
