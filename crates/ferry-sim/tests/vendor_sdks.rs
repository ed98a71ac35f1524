//! The vendor's official SDKs, pointed at the simulator: each tells the same story in its language.
//!
//! The programs are in `tests/vendor`, each with its versions pinned. What they need is installed
//! once, below `target/vendor-sdks`. They get the story on standard input and print the facts that
//! hold.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ferry_sim::{Faults, Options, PersonChange, Population, Simulator};
use serde_json::{Value, json};

#[tokio::test]
async fn the_rust_sdk_migrates_verifies_lists_revokes_creates_and_reads_errors() {
    let sims = Simulators::start().await;
    let story = sims.story();
    run(&story, || {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut program = Command::new(cargo);
        program
            .args(["test", "--locked", "--quiet", "--manifest-path"])
            .arg(source("rust").join("Cargo.toml"))
            .arg("--target-dir")
            .arg(folder("rust"));
        program
    });
    sims.check();
}

#[tokio::test]
async fn the_python_sdk_migrates_verifies_lists_revokes_creates_and_reads_errors() {
    let sims = Simulators::start().await;
    let story = sims.story();
    run(&story, || {
        let environment = python_environment();
        let mut program = Command::new(environment.join("bin/python"));
        program
            .args(["-W", "ignore"])
            .arg(source("python").join("story.py"));
        program
    });
    sims.check();
}

#[tokio::test]
async fn the_node_sdk_migrates_verifies_lists_revokes_creates_and_reads_errors() {
    let sims = Simulators::start().await;
    let story = sims.story();
    run(&story, || {
        let modules = node_modules();
        let mut program = Command::new("node");
        program.arg(modules.join("story.mjs"));
        program
    });
    sims.check();
}
