//! One minted session.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::directory::Realm;

/// Which of Stytch's two APIs a thing belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Organizations and members.
    B2b = 1,
    /// Users.
    Consumer = 2,
}

/// Whose a session is: a member (B2B) or a user (Consumer), by the directory's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) api: Api,
    pub(crate) number: u64,
}

/// How a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It authenticates.
    Alive,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) owner: Owner,
    /// The organization's number; 0 for Consumer sessions.
    pub(crate) organization: u32,
    /// The number of the legacy session it was minted from, if the token was this population's.
    pub(crate) legacy_session: Option<u64>,
    pub(crate) legacy_token_sha256: [u8; 32],
    /// Custom claims as the text of a JSON object.
    pub(crate) claims: Option<Box<str>>,
    pub(crate) minted_at: Millis,
    pub(crate) accessed_at: Millis,
    pub(crate) expires_at: Millis,
    pub(crate) revoked_at: Option<Millis>,
    /// The wall's time from which listings show it.
    pub(crate) listed_from: Millis,
}

impl Record {
    pub(crate) fn new(
        owner: Owner,
        organization: u32,
        legacy_token_sha256: [u8; 32],
        (minted_at, expires_at): (Millis, Millis),
    ) -> Self {
        Self {
            owner,
            organization,
            legacy_session: None,
            legacy_token_sha256,
            claims: None,
            minted_at,
            accessed_at: minted_at,
            expires_at,
            revoked_at: None,
            listed_from: 0,
        }
    }

    /// Where its owner is known.
    pub(crate) fn realm(&self) -> Realm {
        match self.owner.api {
            Api::B2b => Realm::Organization(self.organization),
            Api::Consumer => Realm::Project,
        }
    }

    pub(crate) fn state(&self, now: Millis) -> State {
        if self.revoked_at.is_some() {
            State::Revoked
        } else if self.expires_at <= now {
            State::Expired
        } else {
            State::Alive
        }
    }
}
