//! The people: computed from a seed and a number, so that ten million of them take no memory.

pub(crate) mod code;
mod person;
mod token;

use serde::{Deserialize, Serialize};

pub use person::{Organization, Person};

use crate::draw::{below, draw, happens};
use code::{Kind, number_of_uuid, uuid};

/// Who exists, and how their legacy sessions are.
///
/// The same population gives the same people, ids and tokens on every machine. All shares lie
/// between 0 and 1 and are 0 unless set; [`Population::realistic`] sets them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Population {
    /// What everything is drawn from.
    pub seed: u64,
    /// How many legacy sessions there are.
    pub sessions: u64,
    /// How many organizations the people are spread over, at least 1.
    pub organizations: u32,
    /// How many devices, and so sessions, successive people have; repeated from the start for as
    /// many people as there are sessions for.
    pub devices: Vec<u8>,
    /// Share of sessions whose access token is opaque; the others are JWTs.
    pub opaque: f64,
    /// Share of sessions whose access token had expired when the export was written.
    pub expired: f64,
    /// Share of sessions whose access token the legacy provider refuses although it has not expired.
    pub revoked: f64,
    /// Share of export rows that no reader can use.
    pub malformed: f64,
    /// Share of export rows that are written a second time, some rows later.
    pub duplicated: f64,
    /// Share of people whom Stytch does not know.
    pub member_missing: f64,
    /// The shortest time that a live token has left when the export is written, in seconds.
    pub shortest_token_life_seconds: u32,
    /// The longest, in seconds. Auth0's tokens for UserInfo live for 2 to 24 hours.
    pub longest_token_life_seconds: u32,
}

/// One legacy session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacySession {
    /// Its number, from 0.
    pub number: u64,
    /// Its stable id at the legacy provider.
    pub session_id: String,
    /// Whose it is: a number for [`Population::person`].
    pub person: u64,
    /// The device on which it lives.
    pub device: &'static str,
    /// What happens to it on the way.
    pub condition: Condition,
}

/// What is wrong with a legacy session, if anything. Where several things are, the first in this
/// order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its row is cut short.
    Ragged,
    /// Its row has no access token.
    MissingToken,
    /// Its row has a date that is none.
    BadDate,
    /// Its access token has expired.
    Expired,
    /// The legacy provider refuses its access token.
    Revoked,
    /// Stytch does not know the person.
    MemberMissing,
    /// Nothing: it can be migrated.
    Migratable,
}

impl Default for Population {
    fn default() -> Self {
        Self::new(1_000, 1)
    }
}

impl Population {
    /// `sessions` sessions without a blemish, of as many people, in one organization.
    pub fn new(sessions: u64, seed: u64) -> Self {
        Self {
            seed,
            sessions,
            organizations: 1,
            devices: vec![1],
            opaque: 0.0,
            expired: 0.0,
            revoked: 0.0,
            malformed: 0.0,
            duplicated: 0.0,
            member_missing: 0.0,
            shortest_token_life_seconds: 3_600,
            longest_token_life_seconds: 86_400,
        }
    }

    /// `sessions` sessions as they are found in life: several organizations, people with several
    /// devices, and a few percent of everything that goes wrong.
    pub fn realistic(sessions: u64, seed: u64) -> Self {
        Self {
            organizations: 8,
            devices: vec![1, 1, 1, 2, 1, 2, 1, 3],
            opaque: 0.15,
            expired: 0.04,
            revoked: 0.01,
            malformed: 0.01,
            duplicated: 0.02,
            member_missing: 0.01,
            ..Self::new(sessions, seed)
        }
    }

    /// How many people the sessions belong to.
    pub fn people(&self) -> u64 {
        self.sessions
            .checked_sub(1)
            .map_or(0, |last| self.owner_of(last) + 1)
    }

    /// The session with this number.
    pub fn session(&self, number: u64) -> LegacySession {
        LegacySession {
            number,
            session_id: format!("sess_{}", uuid(self.seed, Kind::LegacySession, number)),
            person: self.owner_of(number),
            device: person::device(number),
            condition: self.condition(number),
        }
    }

    /// The number of the session with this legacy id.
    pub fn session_number(&self, session_id: &str) -> Option<u64> {
        let id = session_id.strip_prefix("sess_")?;
        number_of_uuid(self.seed, Kind::LegacySession, id).filter(|number| *number < self.sessions)
    }

    /// The person with this number.
    pub fn person(&self, number: u64) -> Person {
        person::person(self, number)
    }

    /// The number of the person with this legacy subject.
    pub fn person_by_subject(&self, subject: &str) -> Option<u64> {
        person::number_of_subject(self.seed, subject).filter(|number| *number < self.people())
    }

    /// The person with this address, in small letters.
    pub fn person_by_email(&self, email: &str) -> Option<Person> {
        let number = person::number_in_email(email).filter(|number| *number < self.people())?;
        Some(self.person(number)).filter(|person| person.email == email)
    }

    /// The organization with this number.
    pub fn organization(&self, number: u32) -> Organization {
        person::organization(self, number)
    }

    /// Whether Stytch knew the person when the simulator started.
    pub fn is_member(&self, person: u64) -> bool {
        !happens(self.member_missing, draw(self.seed, MEMBER_MISSING, person))
    }

    /// What is wrong with the session of this number.
    pub fn condition(&self, number: u64) -> Condition {
        let malformed = draw(self.seed, MALFORMED, number);
        if happens(self.malformed, malformed) {
            return [
                Condition::Ragged,
                Condition::MissingToken,
                Condition::BadDate,
            ][usize::try_from(malformed % 3).expect("a number below 3 is a usize")];
        }
        if happens(self.expired, draw(self.seed, EXPIRED, number)) {
            return Condition::Expired;
        }
        if self.is_revoked(number) {
            return Condition::Revoked;
        }
        if !self.is_member(self.owner_of(number)) {
            return Condition::MemberMissing;
        }
        Condition::Migratable
    }

    pub(crate) fn is_revoked(&self, number: u64) -> bool {
        happens(self.revoked, draw(self.seed, REVOKED, number))
    }

    pub(crate) fn is_duplicated(&self, number: u64) -> bool {
        happens(self.duplicated, draw(self.seed, DUPLICATED, number))
    }

    /// Seconds that the token has left (or has been dead for) when the export is written.
    pub(crate) fn token_life_seconds(&self, number: u64) -> u64 {
        let shortest = u64::from(self.shortest_token_life_seconds);
        let longest = u64::from(self.longest_token_life_seconds).max(shortest);
        shortest + below(longest - shortest + 1, draw(self.seed, TOKEN_LIFE, number))
    }

    pub(crate) fn owner_of(&self, session: u64) -> u64 {
        let block: u64 = self.devices.iter().map(|devices| u64::from(*devices)).sum();
        if block == 0 {
            return session;
        }
        let people = u64::try_from(self.devices.len()).expect("a list is shorter than u64");
        let (blocks, mut rest) = (session / block, session % block);
        let mut person = blocks * people;
        for devices in &self.devices {
            let devices = u64::from(*devices);
            if rest < devices {
                break;
            }
            rest -= devices;
            person += 1;
        }
        person
    }
}

/// Salts of the draws of this file.
const MEMBER_MISSING: u64 = 201;
const MALFORMED: u64 = 202;
const EXPIRED: u64 = 203;
const REVOKED: u64 = 204;
const DUPLICATED: u64 = 205;
const TOKEN_LIFE: u64 = 206;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_the_devices_that_the_pattern_says() {
        let population = Population {
            devices: vec![1, 2],
            ..Population::new(7, 1)
        };
        let owners: Vec<u64> = (0..7)
            .map(|number| population.session(number).person)
            .collect();
        assert_eq!(owners, [0, 1, 1, 2, 3, 3, 4]);
        assert_eq!(population.people(), 5);
    }

    #[test]
    fn every_person_is_found_by_subject_and_by_email() {
        let population = Population::realistic(500, 3);
        for number in 0..population.people() {
            let person = population.person(number);
            assert_eq!(population.person_by_subject(&person.subject), Some(number));
            assert_eq!(population.person_by_email(&person.email), Some(person));
        }
        assert_eq!(population.person_by_email("mallory@acme-0.example"), None);
        assert_eq!(
            population.person_by_subject("auth0|000000000000000000000000"),
            None
        );
    }

    #[test]
    fn every_legacy_session_is_found_by_its_id() {
        let population = Population::new(100, 3);
        for number in 0..100 {
            let session = population.session(number);
            assert_eq!(population.session_number(&session.session_id), Some(number));
        }
    }

    #[test]
    fn a_plain_population_has_no_blemish() {
        let population = Population::new(1_000, 9);
        assert!((0..1_000).all(|number| population.condition(number) == Condition::Migratable));
    }
}
