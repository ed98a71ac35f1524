//! Which export this is.

use sha2::{Digest as _, Sha256};

use super::columns::{Columns, Role};
use super::rules::Rules;

/// Which export this is, and how it is read: what a run is named by, and what must be the same
/// when it is resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceIdentity {
    /// The canonical path, or `stdin`.
    pub name: String,
    /// The file's size in bytes, as it lies on disk; `None` for a stream.
    pub size: Option<u64>,
    /// SHA-256 of the first 64 KiB, as they lie on disk.
    pub digest: [u8; 32],
    /// SHA-256 of the columns and rules by which rows are read.
    pub mapping: [u8; 32],
}

/// How much of the export the digest covers: enough for the rows of a minute's logins to differ,
/// little enough to be read at once.
pub(super) const DIGEST_BYTES: usize = 64 * 1024;

/// Longest part of a run's name that is taken from the file's: it stays one word in a table.
const MAX_STEM_CHARS: usize = 40;

impl SourceIdentity {
    /// The run's name if the operator gives none: the file's stem and 8 hexadecimal digits, the
    /// same for the same export read in the same way.
    pub fn run_name(&self) -> String {
        let mut hash = Sha256::new();
        feed(&mut hash, self.name.as_bytes());
        feed(&mut hash, &self.size.map_or([0xff; 8], u64::to_be_bytes));
        feed(&mut hash, &self.digest);
        feed(&mut hash, &self.mapping);
        let hash = hash.finalize();
        let [a, b, c, d, ..] = hash.as_slice() else {
            unreachable!("SHA-256 has 32 bytes")
        };
        format!("{}-{a:02x}{b:02x}{c:02x}{d:02x}", self.stem())
    }

    /// Tells this export, read in this way, from others: what a run of a given name must be begun
    /// with again.
    pub fn source_digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        feed(&mut hash, &self.size.map_or([0xff; 8], u64::to_be_bytes));
        feed(&mut hash, &self.digest);
        feed(&mut hash, &self.mapping);
        hash.finalize().into()
    }

    fn stem(&self) -> String {
        let file = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = file.split('.').find(|part| !part.is_empty());
        let word = |character: char| {
            if character.is_ascii_alphanumeric() || character == '_' {
                character
            } else {
                '-'
            }
        };
        stem.unwrap_or("export")
            .chars()
            .take(MAX_STEM_CHARS)
            .map(word)
            .collect()
    }
}

/// SHA-256 of what decides how a row is read. Settings that are not made leave no trace, so that
/// a later version with more settings gives the same digest.
pub(super) fn mapping_digest(columns: &Columns, rules: &Rules) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut setting = |name: &str, value: &str| {
        feed(&mut hash, name.as_bytes());
        feed(&mut hash, value.as_bytes());
    };
    for role in Role::ALL {
        if let Some(column) = columns.named(role) {
            setting(role.name(), column);
        }
    }
    for (claim, column) in &columns.custom_claims {
        setting("custom_claims", claim);
        setting(claim, column);
    }
    for scope in &rules.required_scopes {
        setting("required_scopes", scope);
    }
    if let Some(audience) = &rules.audience {
        setting("audience", audience);
    }
    let switches = [
        ("key_from_token", rules.key_from_token),
        ("consumer", rules.consumer),
        ("default_lifetime", rules.default_lifetime.is_some()),
    ];
    for (name, _) in switches.into_iter().filter(|(_, on)| *on) {
        setting(name, "");
    }
    hash.finalize().into()
}

/// With its length before it, so that no two sequences of values are the same bytes.
fn feed(hash: &mut Sha256, value: &[u8]) {
    hash.update((value.len() as u64).to_be_bytes());
    hash.update(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> SourceIdentity {
        SourceIdentity {
            name: name.to_owned(),
            size: Some(7),
            digest: [1; 32],
            mapping: mapping_digest(&Columns::default(), &Rules::default()),
        }
    }

    #[test]
    fn a_run_is_named_by_the_files_stem() {
        let name = identity("/exports/live sessions.csv.gz").run_name();
        assert!(name.starts_with("live-sessions-"), "{name}");
        assert_eq!(name.len(), "live-sessions-".len() + 8);
        assert!(identity("stdin").run_name().starts_with("stdin-"));
    }

    #[test]
    fn whatever_differs_names_another_run() {
        let base = identity("/exports/a.csv");
        let others = [
            SourceIdentity {
                name: "/other/a.csv".to_owned(),
                ..base.clone()
            },
            SourceIdentity {
                size: Some(8),
                ..base.clone()
            },
            SourceIdentity {
                size: None,
                ..base.clone()
            },
            SourceIdentity {
                digest: [2; 32],
                ..base.clone()
            },
            SourceIdentity {
                mapping: [2; 32],
                ..base.clone()
            },
        ];
        for other in others {
            assert_ne!(other.run_name(), base.run_name(), "{other:?}");
        }
        assert_eq!(base.run_name(), base.clone().run_name());
    }

    #[test]
    fn the_mapping_is_part_of_it_but_not_the_length_of_the_default_lifetime() {
        let columns = Columns {
            email: Some("mail".to_owned()),
            ..Columns::default()
        };
        let rules = |lifetime: Option<u64>| Rules {
            default_lifetime: lifetime.map(std::time::Duration::from_secs),
            ..Rules::default()
        };
        let digest = mapping_digest(&columns, &rules(None));
        assert_ne!(digest, mapping_digest(&Columns::default(), &rules(None)));
        assert_ne!(digest, mapping_digest(&columns, &rules(Some(60))));
        assert_eq!(
            mapping_digest(&columns, &rules(Some(60))),
            mapping_digest(&columns, &rules(Some(61)))
        );
    }
}
