//! Messages in the broker's dead-letter queue that are not ours, and which sessions are to lie there.

use std::collections::HashMap;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ferry_core::Timestamp;
use ferry_core::id::{LegacyKey, RunId, SessionId};
use ferry_core::reason::DeadReason;
use rand::Rng;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest as _, Sha256};

use crate::audit_log::DeedId;
use crate::database::either;
use crate::seal::FOREIGN_BODY;
use crate::{Ledger, LedgerError};

/// SHA-256 of a message's body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// A message that somebody else put into our queue, or that we cannot read.
#[derive(Debug)]
pub struct ForeignLetter {
    /// Its body: anything, a secret included.
    pub body: SecretSlice<u8>,
    /// What its sender called it (AMQP's `type`).
    pub kind: Option<String>,
    /// AMQP's `content-type`.
    pub content_type: Option<String>,
    /// Why it lay there.
    pub cause: String,
}

/// What is told of a kept message. Never its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptForeign {
    /// Its name.
    pub digest: Digest,
    /// The body's length in bytes.
    pub size: u64,
    /// See [`ForeignLetter::kind`].
    pub kind: Option<String>,
    /// See [`ForeignLetter::content_type`].
    pub content_type: Option<String>,
    /// See [`ForeignLetter::cause`].
    pub cause: String,
    /// When it was found first.
    pub found_at: Timestamp,
    /// How often.
    pub times: u64,
}

/// A letter on its way into the ledger.
pub(crate) struct SealedForeign<'l> {
    pub(crate) digest: Digest,
    pub(crate) body: Vec<u8>,
    pub(crate) letter: &'l ForeignLetter,
}

#[derive(sqlx::FromRow)]
pub(crate) struct ForeignRow {
    digest: Vec<u8>,
    size: i64,
    kind: Option<String>,
    content_type: Option<String>,
    cause: String,
    found_at: i64,
    times: i64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct StandingRow {
    id: i64,
    run_id: i64,
    reason: Option<String>,
    mirrored: bool,
}

/// Where a session stands, as far as the broker's dead-letter queue goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its run.
    pub run: RunId,
    /// What it died of, if a letter of it is to lie there: it is dead, and not put aside.
    pub dead: Option<DeadReason>,
}

impl Digest {
    /// Of this body.
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// Reads the 64 hexadecimal digits that `Display` writes; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// What its body is sealed for.
    fn key(self) -> LegacyKey {
        let mut key = [0; 16];
        key.copy_from_slice(&self.0[..16]);
        LegacyKey(key)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Ledger {
    /// Keeps messages that are not ours, sealed, each once.
    pub async fn keep_foreign(
        &self,
        letters: &[ForeignLetter],
        rng: &mut impl Rng,
    ) -> Result<(), LedgerError> {
        let sealed: Vec<_> = letters
            .iter()
            .map(|letter| self.seal_foreign(letter, rng))
            .collect();
        let mut change = self.write().await?;
        for letter in &sealed {
            either!(&mut change, change => change.keep_foreign(letter).await?);
        }
        change.commit().await
    }

    fn seal_foreign<'l>(&self, letter: &'l ForeignLetter, rng: &mut impl Rng) -> SealedForeign<'l> {
        let body = letter.body.expose_secret();
        let digest = Digest::of(body);
        let text = BASE64_STANDARD.encode(body).into();
        SealedForeign {
            digest,
            body: self.keys.seal(&text, FOREIGN_BODY, digest.key(), rng),
            letter,
        }
    }

    /// All that is kept, the newest first.
    pub async fn foreign_letters(&self) -> Result<Vec<KeptForeign>, LedgerError> {
        let rows = either!(&self.database, database => database.foreign_letters().await?);
        rows.into_iter().map(ForeignRow::read).collect()
    }

    /// The body of a kept message; `None` if there is none of this name.
    pub async fn foreign_body(
        &self,
        digest: Digest,
    ) -> Result<Option<SecretSlice<u8>>, LedgerError> {
        let sealed = either!(&self.database, database => database.foreign_body(digest).await?);
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let text = self.keys.open(&sealed, FOREIGN_BODY, digest.key());
        let body = text.map(|text| BASE64_STANDARD.decode(text.expose_secret()));
        match body {
            Ok(Ok(body)) => Ok(Some(body.into())),
            _ => Err(inconsistent("body")),
        }
    }

    /// Throws a kept message away, as this deed. Returns whether there was one.
    pub async fn forget_foreign(&self, digest: Digest, deed: DeedId) -> Result<bool, LedgerError> {
        let mut change = self.write().await?;
        let forgotten = either!(&mut change, change => change.forget_foreign(digest, deed).await?);
        change.commit().await?;
        Ok(forgotten)
    }

    /// Where these sessions stand; those that there are.
    pub async fn standings(
        &self,
        sessions: &[SessionId],
    ) -> Result<HashMap<SessionId, Standing>, LedgerError> {
        let ids: Vec<_> = sessions.iter().map(|session| session.0).collect();
        let rows = either!(&self.database, database => database.standings(&ids).await?);
        let read = |row: StandingRow| {
            let reason = row.reason.filter(|_| row.mirrored);
            let standing = Standing {
                run: RunId(row.run_id),
                dead: reason.and_then(|reason| DeadReason::from_str(&reason).ok()),
            };
            (SessionId(row.id), standing)
        };
        Ok(rows.into_iter().map(read).collect())
    }
}

impl ForeignRow {
    fn read(self) -> Result<KeptForeign, LedgerError> {
        let digest = self.digest.try_into().map_err(|_| inconsistent("digest"))?;
        Ok(KeptForeign {
            digest: Digest(digest),
            size: self.size.unsigned_abs(),
            kind: self.kind,
            content_type: self.content_type,
            cause: self.cause,
            found_at: Timestamp::from_millis(self.found_at),
            times: self.times.unsigned_abs(),
        })
    }
}

fn inconsistent(column: &'static str) -> LedgerError {
    LedgerError::Inconsistent {
        table: "foreign_letters",
        column,
        row: 0,
    }
}
