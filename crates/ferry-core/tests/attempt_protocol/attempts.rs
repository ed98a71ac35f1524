//! Names of attempts, and sets of them in one byte.

use std::fmt;

/// Legacy sessions in the largest scenario.
pub(crate) const ROWS: usize = 2;

/// Names set aside for the attempts of one row: two rows fill the eight bits of an [`AttemptSet`].
pub(crate) const NAMES_PER_ROW: u8 = 4;

/// The random id of one attempt; here its row and the number of the claim that made it.
///
/// An attempt sends at most one request, so the id names the session that it may mint, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Attempt(u8);

impl Attempt {
    /// The attempt that the row's claim number `claim` makes, counted from one.
    pub(crate) fn of(row: usize, claim: u8) -> Self {
        let row = u8::try_from(row).expect("there are two rows");
        Self(row * NAMES_PER_ROW + claim - 1)
    }

    /// The attempt of the other row with the same number.
    pub(crate) fn in_other_row(self) -> Self {
        Self(self.0 ^ NAMES_PER_ROW)
    }

    /// The row that the attempt is for.
    pub(crate) fn row(self) -> usize {
        usize::from(self.0 / NAMES_PER_ROW)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claim = self.0 % NAMES_PER_ROW + 1;
        write!(f, "row {} attempt {claim}", self.row() + 1)
    }
}

/// A set of attempts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AttemptSet(u8);

impl AttemptSet {
    /// Every attempt there can be.
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// The set of one attempt.
    pub(crate) fn only(attempt: Attempt) -> Self {
        Self(1 << attempt.0)
    }

    /// Every attempt of one row.
    pub(crate) fn of_row(row: usize) -> Self {
        Self(((1 << NAMES_PER_ROW) - 1) << (row * usize::from(NAMES_PER_ROW)))
    }

    /// Every attempt of the rows that have one in this set.
    pub(crate) fn whole_rows(self) -> Self {
        (0..ROWS)
            .map(Self::of_row)
            .filter(|row| !row.and(self).is_empty())
            .fold(Self::default(), Self::or)
    }

    /// The same set with the two rows exchanged.
    pub(crate) fn in_other_row(self) -> Self {
        Self(self.0.rotate_left(u32::from(NAMES_PER_ROW)))
    }

    /// Puts the attempt in.
    pub(crate) fn insert(&mut self, attempt: Attempt) {
        self.0 |= 1 << attempt.0;
    }

    /// Takes the attempt out, if it is there.
    pub(crate) fn remove(&mut self, attempt: Attempt) {
        self.0 &= !(1 << attempt.0);
    }

    /// Whether the attempt is in the set.
    pub(crate) fn contains(self, attempt: Attempt) -> bool {
        self.0 & (1 << attempt.0) != 0
    }

    /// What is in both sets.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in one of the sets at least.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in the other.
    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in the set.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many attempts are in the set.
    pub(crate) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The attempts of the set, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Attempt> {
        (0..8)
            .map(Attempt)
            .filter(move |attempt| self.contains(*attempt))
    }

    /// Every subset with something in it.
    pub(crate) fn subsets(self) -> impl Iterator<Item = Self> {
        (1..=self.0)
            .map(Self)
            .filter(move |subset| subset.minus(self).is_empty())
    }
}

impl fmt::Display for AttemptSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.iter().map(|attempt| attempt.to_string()).collect();
        write!(f, "{}", names.join(", "))
    }
}

impl fmt::Debug for AttemptSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}
