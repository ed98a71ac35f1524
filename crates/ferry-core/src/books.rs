//! The sums that must balance.

use serde::{Deserialize, Serialize};

/// How many rows of a run's export stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Books {
    /// Rows read from the export.
    pub exported: u64,
    /// Rows that could not be used; each is in the rejects file.
    pub rejected: u64,
    /// Rows of a session that was known already.
    pub duplicates: u64,
    /// Sessions whose turn has not come.
    pub queued: u64,
    /// Sessions under a lease.
    pub running: u64,
    /// Sessions to be tried again later.
    pub waiting: u64,
    /// Sessions carried.
    pub migrated: u64,
    /// Sessions not to be carried.
    pub skipped: u64,
    /// Dead letters.
    pub dead: u64,
    /// Sessions that a later run took over.
    pub handed_over: u64,
}

impl Books {
    /// Rows read = the sum of all the rest.
    pub fn balance(&self) -> bool {
        self.exported == self.accounted_for()
    }

    /// The sum of all the rest.
    pub fn accounted_for(&self) -> u64 {
        self.rejected + self.duplicates + self.handed_over + self.sessions()
    }

    /// Sessions of this run, whatever their state.
    pub fn sessions(&self) -> u64 {
        self.open() + self.settled()
    }

    /// Sessions that are not final.
    pub fn open(&self) -> u64 {
        self.queued + self.running + self.waiting
    }

    /// Sessions that are final.
    pub fn settled(&self) -> u64 {
        self.migrated + self.skipped + self.dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_row_unbalances_the_books() {
        let books = Books {
            exported: 10,
            rejected: 1,
            duplicates: 2,
            migrated: 6,
            dead: 1,
            ..Books::default()
        };
        assert!(books.balance());
        assert!(
            !Books {
                migrated: 5,
                ..books
            }
            .balance()
        );
    }
}
