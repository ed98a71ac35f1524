//! `cargo xtask check`.

use std::process::Command;

use anyhow::Result;

use crate::shell::{cargo, root, run};
use crate::tools::{DENY, MACHETE};

/// Everything that can be told without running a test.
pub(crate) fn run_all() -> Result<()> {
    run(cargo(&["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    run(cargo(&clippy))?;
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    run(documentation)?;
    DENY.install()?;
    run(cargo(&[
        "deny",
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))?;
    MACHETE.install()?;
    // Called by its own name: below `cargo run` it takes cargo's word for a folder.
    let mut machete = Command::new("cargo-machete");
    machete.arg("--with-metadata").current_dir(root());
    run(machete)
}
