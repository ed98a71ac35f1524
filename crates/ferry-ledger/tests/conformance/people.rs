//! The people whose sessions are carried.

use ferry_core::id::LegacyKey;
use ferry_core::reason::SkipReason;
use ferry_core::session::{ExportRow, LegacySession, Reject, SessionClock, SessionFacts};
use secrecy::{ExposeSecret, SecretString};

use crate::backends::keys;
use crate::clock::noon_plus;

/// A row of an export.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) session: LegacySession,
    skip: Option<SkipReason>,
}

/// Her token lives until one o'clock.
pub(crate) fn alice_active() -> Person {
    person("alice", 1, 60)
}

/// His token is over since eleven, as his export's reader has seen.
pub(crate) fn bob_expired() -> Person {
    let mut bob = person("bob", 2, 0);
    bob.session.facts.token_expires_at = ferry_core::Timestamp::from_seconds(1_767_265_200);
    bob.skipped(SkipReason::Expired)
}

/// Her token lives until two o'clock.
pub(crate) fn carol_active() -> Person {
    person("carol", 3, 120)
}

/// His token lives until ten past noon.
pub(crate) fn dave_in_a_hurry() -> Person {
    person("dave", 4, 10)
}

/// Her token lives until three o'clock. The export has no email of hers.
pub(crate) fn erin_without_email() -> Person {
    let mut erin = person("erin", 5, 180);
    erin.session.facts.email = None;
    erin
}

/// Any number of people whose tokens live until half past noon.
pub(crate) fn a_crowd(size: u64) -> impl Iterator<Item = Person> {
    (1..=size).map(|number| person(&format!("visitor-{number:05}"), number, 30))
}

/// A person whose token lives so many minutes from noon.
pub(crate) fn person(name: &str, source_row: u64, minutes: u64) -> Person {
    let session = LegacySession {
        source_row,
        access_token: SecretString::default(),
        organization: "acme".to_owned(),
        stable_id: format!("legacy-session-of-{name}").into(),
        facts: SessionFacts {
            subject: Some(format!("auth0|{name}")),
            email: Some(format!("{name}@example.com")),
            name: None,
            external_id: None,
            token_expires_at: ferry_core::Timestamp::NEVER,
            clock: SessionClock::default(),
        },
        custom_claims: None,
    };
    let person = Person {
        session,
        skip: None,
    };
    person.with_token_for(minutes)
}

/// A record that is not a session.
pub(crate) fn unreadable(row: u64) -> Reject {
    Reject {
        row,
        line: row + 1,
        column: Some("organization".to_owned()),
        reason: "is empty: give the organization's id or slug".to_owned(),
    }
}

/// An export row of a record that is not a session.
pub(crate) fn rejected(row: u64) -> ExportRow {
    ExportRow::Rejected(unreadable(row))
}

impl Person {
    /// The same session with another token, which lives so many minutes from noon.
    pub(crate) fn with_token_for(mut self, minutes: u64) -> Self {
        let session = &mut self.session;
        let id = session.stable_id.expose_secret();
        session.access_token = format!("token-for-{minutes}-of-{id}").into();
        session.facts.token_expires_at = noon_plus(minutes);
        self
    }

    /// The same session with a token that lives until six o'clock: longer than any other.
    pub(crate) fn with_newer_token(self) -> Self {
        self.with_token_for(360)
    }

    /// The same session, known without a call not to be carried.
    pub(crate) fn skipped(mut self, reason: SkipReason) -> Self {
        self.skip = Some(reason);
        self
    }

    /// The same session, nothing known against it.
    pub(crate) fn usable(mut self) -> Self {
        self.skip = None;
        self
    }

    /// The same person in another organization.
    pub(crate) fn at(mut self, organization: &str) -> Self {
        organization.clone_into(&mut self.session.organization);
        self
    }

    pub(crate) fn token(&self) -> &str {
        self.session.access_token.expose_secret()
    }

    pub(crate) fn key(&self) -> LegacyKey {
        keys().legacy_key(&self.session.stable_id, &self.session.organization)
    }
}

impl From<Person> for ExportRow {
    fn from(person: Person) -> Self {
        let session = Box::new(person.session);
        match person.skip {
            None => Self::Session(session),
            Some(reason) => Self::Skipped(session, reason),
        }
    }
}
