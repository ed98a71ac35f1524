//! Memory and open files over time.

use std::fmt::Write as _;

use crate::ferry::{Sample, Watched};
use crate::figure::mib;

/// The run from its first call until no session was open any more, in ten parts of equal time; and
/// the rest, in which attempts of unknown outcome are looked up.
pub(crate) struct Tenths {
    parts: Vec<Part>,
    rest: Part,
}

/// The least and the most that was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    resident_kib: (u64, u64),
    open_files: (usize, usize),
}

/// From the second tenth to the last nothing may grow by more, in percent.
const MOST_GROWTH_PERCENT: u64 = 10;

impl Tenths {
    pub(crate) fn of(watched: &Watched) -> Self {
        let begin = watched.registered.at;
        let end = watched.settled.unwrap_or(watched.end).at;
        let tenth = end.saturating_duration_since(begin) / 10;
        let between = |from, to| {
            let inside = |sample: &&Sample| (from..to).contains(&sample.mark.at);
            Part::of(watched.samples.iter().filter(inside))
        };
        Self {
            parts: (0..10)
                .map(|part| between(begin + tenth * part, begin + tenth * (part + 1)))
                .collect(),
            rest: between(end, watched.end.at),
        }
    }

    pub(crate) fn is_memory_flat(&self) -> bool {
        let most = |part: usize| self.parts[part].resident_kib.1;
        most(9) * 100 <= most(1) * (100 + MOST_GROWTH_PERCENT)
    }

    pub(crate) fn are_files_flat(&self) -> bool {
        let most = |part: usize| self.parts[part].open_files.1 as u64;
        most(9) * 100 <= most(1) * (100 + MOST_GROWTH_PERCENT)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = "| part | resident, MiB: least | most | open files: least | most |\n|---|--:|--:|--:|--:|\n".to_owned();
        let named = self.parts.iter().enumerate();
        for (place, part) in named {
            part.write(&format!("tenth {}", place + 1), &mut text);
        }
        self.rest.write("audit", &mut text);
        text.push('\n');
        text
    }
}

impl Part {
    fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Self {
        let mut part: Option<Self> = None;
        for sample in samples {
            let (kib, files) = (sample.mark.usage.resident_kib, sample.open_files);
            let seen = part.get_or_insert(Self {
                resident_kib: (kib, kib),
                open_files: (files, files),
            });
            seen.resident_kib = (seen.resident_kib.0.min(kib), seen.resident_kib.1.max(kib));
            seen.open_files = (seen.open_files.0.min(files), seen.open_files.1.max(files));
        }
        part.unwrap_or_default()
    }

    fn write(&self, name: &str, text: &mut String) {
        writeln!(
            text,
            "| {name} | {:.1} | {:.1} | {} | {} |",
            mib(self.resident_kib.0),
            mib(self.resident_kib.1),
            self.open_files.0,
            self.open_files.1
        )
        .expect("a String takes all");
    }
}
