//! What the chores need and a fresh machine lacks.

use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{answers, cargo, run};

/// A cargo subcommand, installed from crates.io.
pub(crate) struct CargoTool {
    name: &'static str,
    version: &'static str,
}

/// Runs tests, each in a process of its own.
pub(crate) const NEXTEST: CargoTool = CargoTool {
    name: "nextest",
    version: "0.9.143",
};
/// Checks licences, sources and banned crates.
pub(crate) const DENY: CargoTool = CargoTool {
    name: "deny",
    version: "0.20.2",
};
/// Finds unused dependencies.
pub(crate) const MACHETE: CargoTool = CargoTool {
    name: "machete",
    version: "0.9.2",
};

impl CargoTool {
    /// Installs it unless it is there.
    pub(crate) fn install(&self) -> Result<()> {
        // Not by way of `cargo NAME`: not every tool understands `--version` there.
        let crate_name = format!("cargo-{}", self.name);
        if answers(&crate_name, &["--version"]) {
            return Ok(());
        }
        // Not optimized: it runs once, and would be built for longer than it runs.
        run(cargo(&[
            "install",
            "--debug",
            "--locked",
            &crate_name,
            "--version",
            self.version,
        ]))
    }
}

/// A program from Debian's packages.
pub(crate) struct DebianProgram {
    /// How to tell that it is there.
    pub(crate) probe: &'static [&'static str],
    /// The packages that have it.
    pub(crate) packages: &'static [&'static str],
}

/// Installs those that are missing; needs root or sudo.
pub(crate) fn install_debian(programs: &[DebianProgram]) -> Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|program| !answers(program.probe[0], &program.probe[1..]))
        .flat_map(|program| program.packages.iter().copied())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let how = format!("install by hand: {}", missing.join(" "));
    run(as_root(&["apt-get", "update", "--quiet"])).context(how.clone())?;
    let install = [
        "apt-get",
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
    ];
    run(as_root(&[&install[..], &missing].concat())).context(how)
}

fn as_root(words: &[&str]) -> Command {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout == b"0\n");
    let mut command = Command::new(if root { words[0] } else { "sudo" });
    command
        .args(&words[usize::from(root)..])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}
