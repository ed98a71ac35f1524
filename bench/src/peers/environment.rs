//! A virtual environment with the peers' libraries, below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Where Python and the programs are.
pub(crate) struct Environment {
    pub(crate) python: PathBuf,
    pub(crate) programs: PathBuf,
}

impl Environment {
    /// Makes it, unless it is there with the same versions.
    pub(crate) fn install() -> Result<Self> {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let requirements = programs.join("requirements.txt");
        let wanted = fs::read_to_string(&requirements)?;
        let own = std::env::current_exe().context("this program's own path")?;
        let target = own.ancestors().nth(2).context("the target folder")?;
        let folder = target.join("bench-peers");
        let python = folder.join("bin/python");
        let installed = folder.join("installed");
        if fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
            return Ok(Self { python, programs });
        }
        eprintln!("installing the peers' libraries into {}", folder.display());
        let make = ["-m", "venv", "--clear"];
        finish(Command::new("python3").args(make).arg(&folder))?;
        finish(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--no-input"])
                .args(["--disable-pip-version-check", "--requirement"])
                .arg(&requirements),
        )?;
        fs::write(installed, wanted)?;
        Ok(Self { python, programs })
    }
}

fn finish(command: &mut Command) -> Result<()> {
    let status = command.status().context("python3 does not start")?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
