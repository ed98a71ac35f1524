//! `ferry completions`.

use std::io;

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::cli::lookups::CompletionsArgs;
use crate::exit::Exit;

pub(super) fn execute(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ferry", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)?;
    Ok(Exit::Done)
}
