//! Files that are made whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::exit::{Coded, Exit};

/// A file that is there whole or not at all, and replaces none.
#[derive(Debug)]
pub(crate) struct NewFile {
    /// Where it is written to.
    pub(crate) file: File,
    path: PathBuf,
    partial: PathBuf,
}

impl NewFile {
    /// Begins it, readable by its owner only.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let taken = || {
            anyhow!("{} exists: give the name of a new file", path.display())
                .context(Coded(Exit::Usage))
        };
        if fs::symlink_metadata(path).is_ok() {
            return Err(taken());
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // One that a crash left behind.
        let _ = fs::remove_file(&partial);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)
            .with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            partial,
        })
    }

    /// It is complete.
    pub(crate) fn keep(self) -> Result<()> {
        // Unlike a rename, a link takes nobody's place.
        fs::hard_link(&self.partial, &self.path)
            .with_context(|| format!("{} cannot be made", self.path.display()))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.partial);
    }
}
