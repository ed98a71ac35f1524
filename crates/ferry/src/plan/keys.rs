//! Names that were seen, at 9 to 18 bytes each.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// 64 bits of a name. Among ten million names, two have the same once in 370,000 exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn of(name: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// A set of names.
///
/// In many small tables, that grow one at a time: one large table would need half as much again,
/// whenever it grows.
#[derive(Debug)]
pub(crate) struct Names(Vec<HashSet<Digest, AsItIs>>);

/// A digest needs no hashing.
pub(crate) type AsItIs = BuildHasherDefault<Same>;

/// Gives back what it was given.
#[derive(Debug, Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

const TABLES: usize = 256;

impl Default for Names {
    fn default() -> Self {
        Self((0..TABLES).map(|_| HashSet::default()).collect())
    }
}

impl Names {
    /// False if it was there.
    pub(crate) fn insert(&mut self, name: Digest) -> bool {
        self.table(name).insert(name)
    }

    pub(crate) fn contains(&mut self, name: Digest) -> bool {
        self.table(name).contains(&name)
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|table| table.len() as u64).sum()
    }

    /// By bits that the tables themselves look at last.
    fn table(&mut self, name: Digest) -> &mut HashSet<Digest, AsItIs> {
        let [.., byte, _, _, _] = name.0.to_be_bytes();
        &mut self.0[usize::from(byte)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once() {
        let mut names = Names::default();
        for round in 0..2 {
            for number in 0..10_000 {
                assert_eq!(names.insert(Digest::of(&number)), round == 0, "{number}");
            }
        }
        assert_eq!(names.len(), 10_000);
        assert!(!names.contains(Digest::of(&"another")));
    }
}
