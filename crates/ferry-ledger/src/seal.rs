//! What is secret at rest: sealing with XChaCha20-Poly1305, looking up with HMAC-SHA256.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use ferry_core::id::LegacyKey;
use hmac::{Hmac, Mac};
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

mod key_file;

pub use key_file::KeyRingError;

use crate::database::either;
use crate::{Ledger, LedgerError};

/// The first byte of every envelope.
const ENVELOPE_VERSION: u8 = 1;
/// The cipher's nonce: long enough to be drawn at random for ever.
const NONCE_BYTES: usize = 24;
/// 256-bit keys.
const KEY_BYTES: usize = 32;

/// A place in the ledger. A sealed value opens only in the place it was sealed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    table: &'static str,
    column: &'static str,
}

pub(crate) const ACCESS_TOKEN: Place = Place {
    table: "session_secrets",
    column: "token",
};
pub(crate) const SESSION_TOKEN: Place = Place {
    table: "mappings",
    column: "session_token",
};
pub(crate) const FOREIGN_BODY: Place = Place {
    table: "foreign_letters",
    column: "body",
};
const KEY_CHECK: Place = Place {
    table: "key_checks",
    column: "value",
};

/// A value did not open: it was moved, changed, or sealed with a key that is not in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct DoesNotOpen;

/// The keys: the first one seals, all of them open. The lookup key stands apart.
pub struct KeyRing {
    sealing: Vec<SealingKey>,
    lookup: Zeroizing<[u8; KEY_BYTES]>,
}

struct SealingKey {
    id: String,
    cipher: XChaCha20Poly1305,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.sealing.iter().map(|key| &key.id).collect();
        f.debug_struct("KeyRing")
            .field("sealing", &ids)
            .finish_non_exhaustive()
    }
}

impl KeyRing {
    /// A ring of one fresh sealing key and a fresh lookup key.
    pub fn generate(id: &str, rng: &mut impl Rng) -> Self {
        let mut draw = || {
            let mut bytes = Zeroizing::new([0; KEY_BYTES]);
            rng.fill_bytes(&mut *bytes);
            bytes
        };
        Self {
            sealing: vec![SealingKey::new(id.to_owned(), draw())],
            lookup: draw(),
        }
    }

    /// The legacy key of a session: what its mapping is found by.
    pub fn legacy_key(&self, stable_id: &SecretString, organization: &str) -> LegacyKey {
        let mut mac = self.mac();
        for part in [
            organization.as_bytes(),
            stable_id.expose_secret().as_bytes(),
        ] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        LegacyKey(key)
    }

    /// Seals `text` for one row of one column: version, key id, nonce, ciphertext.
    pub(crate) fn seal(
        &self,
        text: &SecretString,
        place: Place,
        row: LegacyKey,
        rng: &mut impl Rng,
    ) -> Vec<u8> {
        let key = &self.sealing[0];
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: text.expose_secret().as_bytes(),
            aad: &associated_data(place, row),
        };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a token is far shorter than the cipher's limit of 256 GiB");
        let mut envelope = Vec::with_capacity(2 + key.id.len() + NONCE_BYTES + sealed.len());
        envelope.push(ENVELOPE_VERSION);
        envelope.push(u8::try_from(key.id.len()).expect("a key id has at most 32 characters"));
        envelope.extend_from_slice(key.id.as_bytes());
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(&sealed);
        envelope
    }

    /// Opens what [`KeyRing::seal`] sealed for this row of this column.
    pub(crate) fn open(
        &self,
        envelope: &[u8],
        place: Place,
        row: LegacyKey,
    ) -> Result<SecretString, DoesNotOpen> {
        let (key, nonce, sealed) = self.take_apart(envelope).ok_or(DoesNotOpen)?;
        let payload = Payload {
            msg: sealed,
            aad: &associated_data(place, row),
        };
        let opened = key
            .cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| DoesNotOpen)?;
        let text = String::from_utf8(opened).map_err(|_| DoesNotOpen)?;
        Ok(text.into())
    }

    fn take_apart<'e>(
        &self,
        envelope: &'e [u8],
    ) -> Option<(&SealingKey, [u8; NONCE_BYTES], &'e [u8])> {
        let (&[version, id_length], rest) = envelope.split_first_chunk()?;
        let (id, rest) = rest.split_at_checked(usize::from(id_length))?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let key = self.sealing.iter().find(|key| key.id.as_bytes() == id)?;
        (version == ENVELOPE_VERSION).then_some((key, *nonce, sealed))
    }

    fn mac(&self) -> Hmac<Sha256> {
        <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.lookup)
            .expect("HMAC takes keys of any length")
    }
}

impl SealingKey {
    fn new(id: String, bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let cipher = XChaCha20Poly1305::new((&*bytes).into());
        Self { id, cipher, bytes }
    }
}

/// Table, column and row, each with its length before it, so that no two places read alike.
fn associated_data(place: Place, row: LegacyKey) -> Vec<u8> {
    let mut data = Vec::with_capacity(64);
    for part in [place.table.as_bytes(), place.column.as_bytes(), &row.0] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

/// What the key checks hold under each key.
const KEY_CHECK_TEXT: &str = "ferry";
const KEY_CHECK_ROW: LegacyKey = LegacyKey([0; 16]);

/// A key as the ledger has it.
pub(crate) fn legacy_key(bytes: &[u8]) -> LegacyKey {
    LegacyKey(bytes.try_into().expect("the schema checks its length"))
}

/// What a ledger is marked with, to know its ring again.
pub(crate) struct KeyChecks {
    pub(crate) seal: Vec<u8>,
    pub(crate) lookup: [u8; 16],
}

impl KeyRing {
    /// Refuses to be taken for the ring that a ledger with these marks was made with.
    pub(crate) fn fits(&self, known: &[(String, Vec<u8>)]) -> Result<(), LedgerError> {
        for (name, value) in known {
            match name.as_str() {
                "lookup" if *value != self.lookup_check() => {
                    return Err(LedgerError::WrongKeys { key: "lookup" });
                }
                "seal" if self.open(value, KEY_CHECK, KEY_CHECK_ROW).is_err() => {
                    return Err(LedgerError::WrongKeys { key: "seal" });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn lookup_check(&self) -> [u8; 16] {
        self.legacy_key(&KEY_CHECK_TEXT.to_owned().into(), "").0
    }
}

impl Ledger {
    /// Refuses a ring that this ledger was not made with; marks a fresh ledger with the ring.
    pub(crate) async fn check_keys(&self) -> Result<(), LedgerError> {
        let checks = self.key_checks();
        let mut known = either!(&self.database, database => database.key_checks().await?);
        if known.is_empty() {
            // Of two processes that come to a fresh ledger at once the first marks it.
            either!(&self.database, database => database.mark_keys(&checks).await?);
            known = either!(&self.database, database => database.key_checks().await?);
        }
        self.keys.fits(&known)
    }

    fn key_checks(&self) -> KeyChecks {
        let mut rng = rand::make_rng::<rand::rngs::StdRng>();
        let text = KEY_CHECK_TEXT.to_owned().into();
        KeyChecks {
            seal: self.keys.seal(&text, KEY_CHECK, KEY_CHECK_ROW, &mut rng),
            lookup: self.keys.lookup_check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn ring(seed: u64) -> KeyRing {
        KeyRing::generate("k1", &mut StdRng::seed_from_u64(seed))
    }

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_own_place_only(
            text in ".{0,300}", row in any::<[u8; 16]>(), other in any::<[u8; 16]>(), seed in any::<u64>(),
        ) {
            prop_assume!(row != other);
            let ring = ring(1);
            let mut rng = StdRng::seed_from_u64(seed);
            let sealed = ring.seal(&secret(&text), ACCESS_TOKEN, LegacyKey(row), &mut rng);
            let opened = ring.open(&sealed, ACCESS_TOKEN, LegacyKey(row)).expect("its own place");
            prop_assert_eq!(opened.expose_secret(), text.as_str());
            prop_assert!(ring.open(&sealed, ACCESS_TOKEN, LegacyKey(other)).is_err());
            prop_assert!(ring.open(&sealed, SESSION_TOKEN, LegacyKey(row)).is_err());
            prop_assert!(super::tests::ring(2).open(&sealed, ACCESS_TOKEN, LegacyKey(row)).is_err());
        }

        #[test]
        fn a_changed_envelope_does_not_open(at in 0_usize..60, bit in 0_u8..8) {
            let ring = ring(1);
            let row = LegacyKey([7; 16]);
            let mut rng = StdRng::seed_from_u64(3);
            let mut sealed = ring.seal(&secret("a legacy token"), ACCESS_TOKEN, row, &mut rng);
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            prop_assert!(ring.open(&sealed, ACCESS_TOKEN, row).is_err());
        }

        #[test]
        fn garbage_does_not_open(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(ring(1).open(&bytes, ACCESS_TOKEN, LegacyKey([0; 16])).is_err());
        }
    }

    #[test]
    fn the_organization_is_part_of_the_legacy_key() {
        let key = |id: &str, organization| ring(1).legacy_key(&secret(id), organization);
        assert_eq!(key("s1", "acme"), key("s1", "acme"));
        assert_ne!(key("s1", "acme"), key("s1", "globex"));
        assert_ne!(key("1", "acmes"), key("s1", "acme"));
    }
}
