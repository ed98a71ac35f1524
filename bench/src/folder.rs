//! Data folders and settings, all in a temporary folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::simulator::Simulator;

/// Where everything is written; gone at the end.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// A fresh one, inside `parent` or the system's own folder for temporary files.
    pub(crate) fn make(parent: Option<&Path>) -> Result<Self> {
        Ok(Self(match parent {
            Some(parent) => TempDir::with_prefix_in("ferry-bench-", parent)?,
            None => TempDir::with_prefix("ferry-bench-")?,
        }))
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a `ferry.toml` for this simulator, with further settings; returns its path.
    pub(crate) fn write_settings(&self, simulator: &Simulator, further: &str) -> Result<PathBuf> {
        let path = self.path("ferry.toml");
        let text = format!(
            "[stytch]\nbase_url = {:?}\nproject_id = {:?}\n{further}\n[log]\nformat = \"json\"\n",
            simulator.base_url, simulator.project_id
        );
        fs::write(&path, text)?;
        Ok(path)
    }

    /// A copy of a data folder on which nobody works, on disk when this returns: writing it back
    /// later would disturb what is measured.
    pub(crate) fn copy_data(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let to = self.path(name);
        fs::create_dir(&to)?;
        for file in ["ledger.sqlite", "keys"] {
            fs::copy(from.join(file), to.join(file))?;
            File::open(to.join(file))?.sync_all()?;
        }
        Ok(to)
    }
}
