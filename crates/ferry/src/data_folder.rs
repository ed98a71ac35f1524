//! The data folder: ledger, key ring, rejects files; and the lock of who works on it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use ferry_ledger::seal::KeyRing;
use ferry_ledger::{Ledger, SystemClock};
use rand::rngs::StdRng;

use crate::exit::{Coded, Exit};
use crate::key_ring::{self, Whose};

/// A data folder. While it is held with a lock, no other process works on it.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl DataFolder {
    /// Makes the folder if need be, and takes its lock.
    pub(crate) fn lock(path: &Path) -> Result<Self> {
        make(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .with_context(|| format!("{} takes no file: {WRITABLE}", path.display()))
            .context(Coded(Exit::TryLater))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: Some(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(anyhow!(
                "another ferry works on {}: wait for it, or give another folder with --data",
                path.display()
            )
            .context(Coded(Exit::Locked))),
            Err(TryLockError::Error(error)) => Err(error).context("the lock cannot be taken"),
        }
    }

    /// For rejects files alone: the ledger is elsewhere. Made when the first file is.
    pub(crate) fn shared(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            _lock: None,
        }
    }

    /// For commands that only look: beside a process that works on it.
    pub(crate) fn look(path: &Path) -> Result<Self> {
        if path.join(LEDGER).is_file() {
            Ok(Self {
                path: path.to_owned(),
                _lock: None,
            })
        } else {
            Err(anyhow!(
                "there is no ledger in {}: give the folder of a run with --data",
                path.display()
            )
            .context(Coded(Exit::Usage)))
        }
    }

    /// Opens the ledger with the key ring that is given, else with the folder's own.
    pub(crate) async fn open(&self, given: Option<KeyRing>, rng: &mut StdRng) -> Result<Ledger> {
        let keys = match given {
            Some(keys) => keys,
            None => self.own_keys(rng)?,
        };
        let path = self.path.join(LEDGER);
        Ok(Ledger::open(&path, keys, Arc::new(SystemClock::start())).await?)
    }

    /// Where a file of this folder lies, which is made if need be.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf> {
        make(&self.path)?;
        Ok(self.path.join(name))
    }

    fn own_keys(&self, rng: &mut StdRng) -> Result<KeyRing> {
        if let Some(keys) = kept_keys(&self.path)? {
            return Ok(keys);
        }
        let path = self.path.join(KEYS);
        make_keys(&path, rng)
            .with_context(|| format!("the key ring {} cannot be written", path.display()))
    }
}

/// The key ring that lies in a data folder; `None` if nothing is there that would need one.
pub(crate) fn kept_keys(folder: &Path) -> Result<Option<KeyRing>> {
    let path = folder.join(KEYS);
    if path.is_file() {
        return key_ring::read(&path, Whose::Ours)
            .with_context(|| format!("the key ring {}", path.display()))
            .context(Coded(Exit::Usage))
            .map(Some);
    }
    if folder.join(LEDGER).exists() {
        return Err(anyhow!(
            "the key ring {} is missing, and the ledger does not open without it: restore it from your backup",
            path.display()
        )
        .context(Coded(Exit::Usage)));
    }
    Ok(None)
}

/// The ledger's file in a data folder.
pub(crate) const LEDGER: &str = "ledger.sqlite";
const KEYS: &str = "keys";

const WRITABLE: &str = "give it room and write permission, or name another folder with --data";

fn make(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| cannot_make(path, error))
}

fn cannot_make(path: &Path, error: io::Error) -> anyhow::Error {
    let path = path.display();
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            anyhow!("{path} is not a folder: name another one with --data")
                .context(Coded(Exit::Usage))
        }
        _ => anyhow::Error::new(error)
            .context(format!("the data folder {path} cannot be made: {WRITABLE}"))
            .context(Coded(Exit::TryLater)),
    }
}

/// A fresh key ring, readable by its owner only.
fn make_keys(path: &Path, rng: &mut StdRng) -> Result<KeyRing> {
    let keys = KeyRing::generate("k1", rng);
    // Whole or not at all: a crash in between leaves a file that the next start replaces.
    let partial = path.with_extension("partial");
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => key_ring::write_new(&partial, &keys)?,
    }
    fs::rename(&partial, path)?;
    tracing::info!(file = %path.display(), "made a key ring (mode 0600): back it up, apart from the ledger");
    Ok(keys)
}
