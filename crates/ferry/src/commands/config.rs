//! `ferry config`.

use anyhow::Result;

use crate::cli::{ConfigCommand, Global};
use crate::config;
use crate::exit::Exit;

pub(super) fn execute(global: Global, command: &ConfigCommand) -> Result<Exit> {
    match command {
        ConfigCommand::Show { json: false } => print!("{}", config::show(&global.load()?)?),
        ConfigCommand::Show { json: true } => {
            println!(
                "{}",
                serde_json::to_string(&config::shown(&global.load()?)?)?
            );
        }
        ConfigCommand::Reference => print!("{}", config::reference()),
    }
    Ok(Exit::Done)
}
