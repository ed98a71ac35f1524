//! A member of an organization, or a user of a Consumer project.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::PersonChange;
use crate::clock::Millis;
use crate::population::Person;

/// Where somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Realm {
    /// In the B2B organization with this number.
    Organization(u32),
    /// In the Consumer project.
    Project,
}

/// A member's status at Stytch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Created, not yet verified.
    Pending,
    /// Invited, not yet come.
    Invited,
    /// A member.
    Active,
    /// No longer a member.
    Deleted,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) number: u64,
    pub(crate) realm: Realm,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) external_id: Option<String>,
    pub(crate) created_at: Millis,
    pub(crate) roles: Vec<String>,
    pub(crate) is_breakglass: bool,
    pub(crate) mfa_enrolled: bool,
    pub(crate) phone_number: String,
    pub(crate) trusted_metadata: Map<String, Value>,
    pub(crate) untrusted_metadata: Map<String, Value>,
}

impl Member {
    pub(crate) fn new(realm: Realm, email: String, created_at: Millis) -> Self {
        Self {
            number: 0,
            realm,
            email,
            name: String::new(),
            status: Status::Active,
            external_id: None,
            created_at,
            roles: Vec::new(),
            is_breakglass: false,
            mfa_enrolled: false,
            phone_number: String::new(),
            trusted_metadata: Map::new(),
            untrusted_metadata: Map::new(),
        }
    }

    pub(super) fn of_person(realm: Realm, person: Person) -> Self {
        Self {
            number: person.number,
            name: person.name,
            external_id: Some(person.subject),
            ..Self::new(realm, person.email, PEOPLE_CREATED_AT)
        }
    }

    pub(super) fn apply(&mut self, change: &PersonChange) {
        if let Some(email) = &change.stytch_email {
            self.email.clone_from(email);
        }
        if let Some(status) = change.member_status {
            self.status = status;
        }
    }
}

/// The first of January 2025: before any session of any export.
const PEOPLE_CREATED_AT: Millis = 1_735_689_600_000;
