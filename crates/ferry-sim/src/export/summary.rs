//! What an export holds.

use serde::{Deserialize, Serialize};

use crate::population::Condition;

/// The books of an export: `rows = migratable + expired + revoked + member_missing + ragged +
/// missing_token + bad_date + duplicates`, and `sessions = rows - duplicates`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Rows written, without the header.
    pub rows: u64,
    /// Different legacy sessions among them.
    pub sessions: u64,
    /// Sessions that can be migrated.
    pub migratable: u64,
    /// Sessions whose access token has expired.
    pub expired: u64,
    /// Sessions whose access token the legacy provider refuses although it has not expired.
    pub revoked: u64,
    /// Sessions of people whom Stytch does not know.
    pub member_missing: u64,
    /// Rows cut short.
    pub ragged: u64,
    /// Rows without an access token.
    pub missing_token: u64,
    /// Rows with a date that is none.
    pub bad_date: u64,
    /// Rows that repeat an earlier one. The repeated row is counted under its own condition, once.
    pub duplicates: u64,
}

impl Summary {
    /// Rows that no reader can use.
    pub fn malformed(&self) -> u64 {
        self.ragged + self.missing_token + self.bad_date
    }

    pub(super) fn count(&mut self, condition: Condition) {
        self.rows += 1;
        *match condition {
            Condition::Ragged => &mut self.ragged,
            Condition::MissingToken => &mut self.missing_token,
            Condition::BadDate => &mut self.bad_date,
            Condition::Expired => &mut self.expired,
            Condition::Revoked => &mut self.revoked,
            Condition::MemberMissing => &mut self.member_missing,
            Condition::Migratable => &mut self.migratable,
        } += 1;
    }
}

impl Condition {
    /// Whether the row cannot be read at all.
    pub fn is_malformed(self) -> bool {
        matches!(self, Self::Ragged | Self::MissingToken | Self::BadDate)
    }
}
