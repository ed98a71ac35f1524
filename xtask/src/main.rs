//! Chores of the repository: `cargo xtask test`, `cargo xtask check`, `cargo xtask bench`.

mod bench;
mod check;
mod pictures;
mod shell;
mod test;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Chores of the repository. Each installs what it needs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Install or start what the tests need, then run them all.
    Test {
        /// Passed on to `cargo nextest run`, for instance a part of a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Start what the tests need, tell where it is, and keep it until the standard input ends or
    /// Ctrl-C: for `cargo test` and `cargo nextest` by hand.
    Services,
    /// Format, lints, documentation, licences, unused dependencies.
    Check,
    /// Draw the panels of docs/pictures from what Prometheus saw of a fleet in the last test.
    Pictures,
    /// Build the release and measure it: `bench --help` tells with what.
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on to `ferry-bench`. Files count from the repository's root.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> Result<()> {
    match Cli::parse().chore {
        Chore::Test { arguments } => test::run_all(&arguments),
        Chore::Services => test::serve(),
        Chore::Pictures => pictures::draw(),
        Chore::Check => check::run_all(),
        Chore::Bench { arguments } => bench::run_all(&arguments),
    }
}
