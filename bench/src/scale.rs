//! How much is measured.

/// How many rows of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Rows of the large export, and of the large ledger.
    pub(crate) many: u64,
    /// Rows of each crossing that is compared with the bare client.
    pub(crate) some: u64,
    /// Rows of the small ledger.
    pub(crate) few: u64,
    /// How often what is cheap is measured; the median counts.
    pub(crate) times: u32,
}

/// What the goals are about: a million rows.
const FULL: u64 = 1_000_000;
/// Enough to see that everything works.
const QUICK: u64 = 20_000;
/// Beyond these a measurement only takes longer.
const MOST_SOME: u64 = 100_000;
const MOST_FEW: u64 = 10_000;

impl Scale {
    pub(crate) fn new(quick: bool, sessions: Option<u64>) -> Self {
        let many = sessions.unwrap_or(if quick { QUICK } else { FULL });
        Self {
            many,
            some: (many / 4).clamp(1, MOST_SOME),
            few: (many / 20).clamp(1, MOST_FEW),
            times: if quick { 1 } else { 3 },
        }
    }

    /// Sessions that the simulator must know: those of the large export, those of the compared
    /// crossings, and as many as the large export has once more.
    pub(crate) fn people(&self) -> u64 {
        self.many * 2 + self.some
    }
}
