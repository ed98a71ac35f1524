//! One file a command.

mod audit;
mod check;
mod completions;
mod config;
mod control;
pub(crate) mod dead;
mod demo;
mod enqueue;
mod init;
mod keys;
mod lookup;
mod mapping;
mod plan;
mod purge;
mod run;
mod runs;
mod serve;
mod sim;
mod status;
mod sweep;
mod verify;
mod work;

use anyhow::{Context, Result};

use crate::cli::{Cli, Command, Global};
use crate::config::{Loaded, Overrides, load};
use crate::exit::Exit;
use crate::telemetry;

/// Does what the command line says.
pub(crate) fn execute(cli: Cli) -> Result<Exit> {
    let runtime = tokio::runtime::Runtime::new().context("no threads could be started")?;
    runtime.block_on(async {
        match cli.command {
            Command::Init(args) => init::execute(&args),
            Command::Plan(args) => plan::execute(cli.global, args).await,
            Command::Check(args) => Box::pin(check::execute(cli.global, args)).await,
            Command::Run(args) => Box::pin(run::execute(cli.global, args)).await,
            Command::Enqueue(args) => Box::pin(enqueue::execute(cli.global, args)).await,
            Command::Work(args) => Box::pin(work::execute(cli.global, args)).await,
            Command::Status(args) => status::execute(cli.global, args).await,
            Command::Runs(args) => runs::execute(cli.global, args).await,
            Command::Pause(args) => control::pause(cli.global, &args).await,
            Command::Resume(args) => control::resume(cli.global, &args).await,
            Command::Cancel(args) => control::cancel(cli.global, &args).await,
            Command::Serve(args) => serve::execute(cli.global, args).await,
            Command::Dead(command) => Box::pin(dead::execute(cli.global, command)).await,
            Command::Verify(args) => Box::pin(verify::execute(cli.global, args)).await,
            Command::Lookup(args) => lookup::execute(cli.global, &args).await,
            Command::Mapping(command) => mapping::execute(cli.global, command).await,
            Command::Audit(args) => audit::execute(cli.global, &args).await,
            Command::Purge(args) => purge::execute(cli.global, &args).await,
            Command::Sweep { json } => sweep::execute(cli.global, json).await,
            Command::Demo(args) => Box::pin(demo::execute(cli.global, args)).await,
            Command::Sim(args) => sim::execute(args).await,
            Command::Keys(command) => keys::execute(&command),
            Command::Config(command) => config::execute(cli.global, &command),
            Command::Completions(args) => completions::execute(&args),
        }
    })
}

impl Global {
    fn overrides(self) -> Overrides {
        Overrides {
            config: self.config,
            env: self.env,
            data: self.data,
            ..Overrides::default()
        }
    }

    /// Loads the settings and starts logging.
    fn load(self) -> Result<Loaded> {
        load_and_log(&self.overrides())
    }
}

fn load_and_log(overrides: &Overrides) -> Result<Loaded> {
    let loaded = load(overrides)?;
    telemetry::init(loaded.config.log.format);
    Ok(loaded)
}
