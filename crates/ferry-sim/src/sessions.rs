//! The sessions that were minted, found by number, by owner, or one after the other.

mod record;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use record::{Api, State as SessionState};
pub(crate) use record::{Owner, Record, State};

use crate::clock::Millis;
use crate::draw::mix;

/// Every session since the simulator started, also those that are over.
///
/// A session's number names its shard (the remainder) and its place there, so that ids and tokens,
/// which carry the number, need no index. All sessions of one owner share a shard.
#[derive(Debug)]
pub(crate) struct Sessions {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug, Default)]
struct Shard {
    records: Vec<Record>,
    by_owner: HashMap<Owner, Vec<u32>>,
}

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Keeps a new session and gives it its number.
    pub(crate) fn mint(&self, record: Record) -> u64 {
        let owner = record.owner;
        let shard_number = shard_of(owner);
        let mut shard = self.shard(shard_number);
        let place = u32::try_from(shard.records.len()).expect("a shard holds less than 2^32");
        shard.records.push(record);
        shard.by_owner.entry(owner).or_default().push(place);
        u64::from(place) * SHARDS + shard_number
    }

    pub(crate) fn get(&self, number: u64) -> Option<Record> {
        self.shard(number % SHARDS)
            .records
            .get(place(number)?)
            .cloned()
    }

    /// Changes a session that exists; gives back what it became.
    pub(crate) fn change(&self, number: u64, change: impl FnOnce(&mut Record)) -> Option<Record> {
        let mut shard = self.shard(number % SHARDS);
        let record = shard.records.get_mut(place(number)?)?;
        change(record);
        Some(record.clone())
    }

    /// All sessions of one owner, oldest first, also those that are over.
    pub(crate) fn of_owner(&self, owner: Owner) -> Vec<(u64, Record)> {
        let shard_number = shard_of(owner);
        let shard = self.shard(shard_number);
        let places = shard.by_owner.get(&owner).map_or(&[][..], Vec::as_slice);
        let record = |place: &u32| {
            let index = usize::try_from(*place).expect("a u32 is a usize");
            (
                u64::from(*place) * SHARDS + shard_number,
                shard.records[index].clone(),
            )
        };
        places.iter().map(record).collect()
    }

    /// Revokes a session; whether it was alive.
    pub(crate) fn revoke(&self, number: u64, now: Millis) -> bool {
        let mut was_alive = false;
        self.change(number, |record| {
            was_alive = record.state(now) == State::Alive;
            if was_alive {
                record.revoked_at = Some(now);
            }
        });
        was_alive
    }

    /// Shows `visit` every session, shard by shard.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u64, &Record)) {
        for shard in 0..SHARDS {
            self.visit(shard, 0, usize::MAX, &mut visit);
        }
    }

    /// Shows `visit` up to `limit` sessions of one shard from a place on; how many there were.
    pub(crate) fn visit(
        &self,
        shard_number: u64,
        from: usize,
        limit: usize,
        visit: &mut impl FnMut(u64, &Record),
    ) -> usize {
        let shard = self.shard(shard_number);
        let numbered = shard.records.iter().enumerate().skip(from).take(limit);
        numbered
            .map(|(place, record)| {
                let place = u64::try_from(place).expect("a usize is a u64");
                visit(place * SHARDS + shard_number, record);
            })
            .count()
    }

    fn shard(&self, number: u64) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(number).expect("a shard number is small");
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn shard_of(owner: Owner) -> u64 {
    mix(owner.number ^ owner.api as u64) % SHARDS
}

fn place(number: u64) -> Option<usize> {
    usize::try_from(number / SHARDS).ok()
}

/// Far more than cores, so that two calls rarely meet at one lock.
pub(crate) const SHARDS: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn session_of(number: u64) -> Record {
        Record::new(
            Owner {
                api: Api::B2b,
                number,
            },
            0,
            [0; 32],
            (1_000, 61_000),
        )
    }

    #[test]
    fn a_session_is_found_by_its_number_and_by_its_owner() {
        let sessions = Sessions::new();
        let numbers: Vec<u64> = (0..1_000)
            .map(|person| sessions.mint(session_of(person % 10)))
            .collect();
        for (person, number) in numbers.iter().enumerate() {
            let record = sessions.get(*number).expect("it was minted");
            assert_eq!(
                record.owner.number,
                u64::try_from(person).expect("small") % 10
            );
        }
        assert_eq!(
            sessions
                .of_owner(Owner {
                    api: Api::B2b,
                    number: 3
                })
                .len(),
            100
        );
        assert!(
            sessions
                .of_owner(Owner {
                    api: Api::Consumer,
                    number: 3
                })
                .is_empty()
        );
    }

    #[test]
    fn a_session_is_revoked_once() {
        let sessions = Sessions::new();
        let number = sessions.mint(session_of(1));
        assert!(sessions.revoke(number, 2_000));
        assert!(!sessions.revoke(number, 3_000));
        assert_eq!(
            sessions.get(number).map(|record| record.state(3_000)),
            Some(State::Revoked)
        );
    }

    #[test]
    fn a_session_is_over_at_its_expiry() {
        let record = session_of(1);
        assert_eq!(record.state(60_999), State::Alive);
        assert_eq!(record.state(61_000), State::Expired);
    }
}
