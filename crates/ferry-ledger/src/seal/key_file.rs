//! The key ring as text: one key a line, from a file or the environment.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{KEY_BYTES, KeyRing, SealingKey};

/// A key ring cannot be read. Never holds key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// A line is not of the form.
    #[error(
        "key ring, line {line}: want `seal ID KEY` or `lookup KEY`, KEY being 32 bytes in base64 (`openssl rand -base64 32`)"
    )]
    Line {
        /// From 1.
        line: usize,
    },
    /// No key to seal with.
    #[error("the key ring has no `seal ID KEY` line: the first one seals, all open")]
    NoSealingKey,
    /// No key to look up with, or several.
    #[error("the key ring needs exactly one `lookup KEY` line")]
    OneLookupKey,
    /// An id stands twice.
    #[error("key ring, line {line}: this key id stands twice")]
    DuplicateId {
        /// From 1.
        line: usize,
    },
}

/// The longest key id.
const LONGEST_ID: usize = 32;

impl KeyRing {
    /// Reads lines `seal ID KEY` (the first seals, all open) and one `lookup KEY`. Lines may also
    /// be parted by `;`. Empty lines and those that begin with `#` are passed over.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut sealing: Vec<SealingKey> = Vec::new();
        let mut lookup = None;
        for (index, line) in text.split(['\n', ';']).enumerate() {
            let line_number = index + 1;
            let malformed = KeyRingError::Line { line: line_number };
            match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["seal", id, _] if sealing.iter().any(|key| key.id == *id) => {
                    return Err(KeyRingError::DuplicateId { line: line_number });
                }
                ["seal", id, key] if id.len() <= LONGEST_ID => {
                    sealing.push(SealingKey::new(
                        (*id).to_owned(),
                        decode(key).ok_or(malformed)?,
                    ));
                }
                ["lookup", _] if lookup.is_some() => return Err(KeyRingError::OneLookupKey),
                ["lookup", key] => lookup = Some(decode(key).ok_or(malformed)?),
                _ => return Err(malformed),
            }
        }
        if sealing.is_empty() {
            return Err(KeyRingError::NoSealingKey);
        }
        Ok(Self {
            sealing,
            lookup: lookup.ok_or(KeyRingError::OneLookupKey)?,
        })
    }

    /// The text that [`KeyRing::parse`] reads. Secret: write it only to a file of mode 0600.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::from(
            "# Ferry's keys. Whoever has this file and the ledger has the tokens: keep them apart.\n\
             # The first `seal` key seals, all of them open. Never change the `lookup` key.\n",
        ));
        for key in &self.sealing {
            let bytes = Zeroizing::new(STANDARD.encode(*key.bytes));
            for part in ["seal ", &key.id, " ", &bytes, "\n"] {
                text.push_str(part);
            }
        }
        let lookup = Zeroizing::new(STANDARD.encode(*self.lookup));
        for part in ["lookup ", &lookup, "\n"] {
            text.push_str(part);
        }
        text
    }
}

fn decode(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    Some(Zeroizing::new(
        <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_ring_reads_back_what_it_writes() {
        let ring = KeyRing::generate("k1", &mut StdRng::seed_from_u64(1));
        let text = ring.to_text();
        let read = KeyRing::parse(&text).expect("its own text");
        assert_eq!(*read.to_text(), *text);
    }

    #[test]
    fn a_broken_ring_is_refused_by_line_and_shows_no_key() {
        let key = STANDARD.encode([7; 32]);
        let parse = |text: &str| KeyRing::parse(text).expect_err("broken");
        assert_eq!(parse(&format!("lookup {key}")), KeyRingError::NoSealingKey);
        assert_eq!(parse(&format!("seal a {key}")), KeyRingError::OneLookupKey);
        assert_eq!(parse("\nseal a short"), KeyRingError::Line { line: 2 });
        let twice = parse(&format!("seal a {key}\nseal a {key}"));
        assert_eq!(twice, KeyRingError::DuplicateId { line: 2 });
        assert!(!format!("{twice} {twice:?}").contains(&key));
    }
}
