//! The `ferry` command: commands, configuration, lifecycle, telemetry.
//!
//! Everything that decides lives in the library crates; this one puts them together and talks to
//! the operator.

mod check;
mod cli;
mod commands;
mod config;
mod crew;
mod crossing;
mod data_folder;
mod exit;
mod health;
mod key_ring;
mod metrics;
mod new_file;
mod operator;
mod place;
mod plan;
mod progress;
mod registering;
mod rejects_file;
mod report;
mod shape;
mod site;
mod stop;
mod telemetry;
mod userinfo;
mod watchdog;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let _failpoints = fail::FailScenario::setup();
    let cli = cli::Cli::parse();
    match commands::execute(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = exit::Exit::of(&error);
            eprintln!("error: {}", exit::shown(&error));
            if exit == exit::Exit::TryLater {
                eprintln!("nothing is lost: the same command goes on when that is mended");
            }
            exit.into()
        }
    }
}
