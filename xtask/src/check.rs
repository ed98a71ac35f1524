//! `cargo xtask check`.

use anyhow::Result;

use crate::shell::{cargo, run};
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
    run(cargo(&["machete", "--with-metadata"]))
}
