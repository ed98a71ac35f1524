//! The `ferry` command: commands, configuration, lifecycle, telemetry.
//!
//! Everything that decides lives in the library crates; this one puts them together and talks to
//! the operator.

mod cli;
mod commands;
mod config;
mod crossing;
mod data_folder;
mod exit;
mod progress;
mod rejects_file;
mod report;
mod stop;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let _failpoints = fail::FailScenario::setup();
    let cli = cli::Cli::parse();
    match commands::execute(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            exit::Exit::of(&error).into()
        }
    }
}
