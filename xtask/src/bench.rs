//! `cargo xtask bench`.

use anyhow::Result;

use crate::shell::{cargo, run};

/// Builds the binary as users do, by itself, so that nothing else lends it features; then measures.
pub(crate) fn run_all(arguments: &[String]) -> Result<()> {
    run(cargo(&[
        "build",
        "--release",
        "--package",
        "ferry",
        "--bin",
        "ferry",
    ]))?;
    let arguments = arguments.iter().map(String::as_str);
    let measure = ["run", "--release", "--package", "ferry-bench", "--"]
        .into_iter()
        .chain(arguments);
    run(cargo(&measure.collect::<Vec<_>>()))
}
