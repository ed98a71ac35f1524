//! The key ring that the settings give, and the files that hold one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use ferry_ledger::seal::KeyRing;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Data, Secret};
use crate::exit::{Coded, Exit};

/// The ring that the settings give: in the environment, or in a file that they name.
pub(crate) fn given(data: &Data) -> Result<Option<KeyRing>> {
    let Some(path) = &data.keys_file else {
        return from_environment(&data.keys);
    };
    if !data.keys.is_unset() {
        return Err(
            anyhow!("data.keys and data.keys_file are both set: keep one of them")
                .context(Coded(Exit::Usage)),
        );
    }
    read(path, Whose::Anybody)
        .with_context(|| format!("data.keys_file {}", path.display()))
        .context(Coded(Exit::Usage))
        .map(Some)
}

/// The ring in the environment, if there is one.
fn from_environment(keys: &Secret) -> Result<Option<KeyRing>> {
    if keys.is_unset() {
        return Ok(None);
    }
    KeyRing::parse(keys.secret().expose_secret())
        .context("FERRY_DATA__KEYS")
        .context(Coded(Exit::Usage))
        .map(Some)
}

/// Who a file of keys may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It is ours.
    Ours,
    /// Ours, or somebody's who gives it to us: a secret that is mounted into a container belongs to
    /// root, and its mode is what lets us read it.
    Anybody,
}

/// Reads a ring, unless its file is open to others.
pub(crate) fn read(path: &Path, whose: Whose) -> Result<KeyRing> {
    let file = fs::metadata(path)?;
    let ours = whose == Whose::Ours || file.uid() == rustix::process::geteuid().as_raw();
    if let Some(fault) = fault_of_mode(file.mode(), ours) {
        return Err(anyhow!(fault));
    }
    let text = SecretString::from(fs::read_to_string(path)?);
    Ok(KeyRing::parse(text.expose_secret())?)
}

fn fault_of_mode(mode: u32, ours: bool) -> Option<&'static str> {
    if ours {
        (mode & 0o077 != 0)
            .then_some("others may read it: chmod 600 it (a mounted secret: default mode 0400)")
    } else {
        // Whoever writes it chooses the keys; who reads it is its owner's affair.
        (mode & 0o022 != 0).then_some("others may write it: chmod go-w it")
    }
}

/// Writes a ring to a new file that only its owner may read. It is on disk before anything is
/// sealed with it.
pub(crate) fn write_new(path: &Path, keys: &KeyRing) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(keys.to_text().as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a ring is none. That it stays is told by the first error already.
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_file_is_for_us_alone() {
        for (mode, refused) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            assert_eq!(fault_of_mode(mode, true).is_some(), refused, "{mode:o}");
        }
    }

    #[test]
    fn a_mounted_file_may_be_read_by_others_and_written_by_none() {
        for (mode, refused) in [(0o440, false), (0o644, false), (0o664, true), (0o646, true)] {
            assert_eq!(fault_of_mode(mode, false).is_some(), refused, "{mode:o}");
        }
    }
}
