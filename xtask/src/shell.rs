//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in the repository")
        .to_owned()
}

/// `cargo` as it was called, in the repository's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs it; an exit code other than 0 is an error.
pub(crate) fn run(mut command: Command) -> Result<()> {
    eprintln!("$ {}", shown(&command));
    let status = command
        .status()
        .with_context(|| format!("{} does not start", shown(&command)))?;
    ensure!(status.success(), "{} ended with {status}", shown(&command));
    Ok(())
}

/// Whether a program answers to `--version`.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let quiet = |command: &mut Command| {
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    };
    quiet(&mut Command::new(program)).is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
