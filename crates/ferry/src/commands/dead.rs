//! `ferry dead`: what could not be carried, and another chance for it.

pub(crate) mod args;
mod discard;
mod export;
mod foreign;
mod list;
mod park;
mod replay;
mod replayer;
mod show;
mod sync;
pub(super) mod text;

use anyhow::Result;

use self::args::DeadCommand;
use crate::cli::Global;
use crate::exit::Exit;

pub(super) async fn execute(global: Global, command: DeadCommand) -> Result<Exit> {
    match command {
        DeadCommand::List(args) => list::execute(global, &args).await,
        DeadCommand::Show(args) => show::execute(global, &args).await,
        DeadCommand::Replay(args) => Box::pin(replay::execute(global, args)).await,
        DeadCommand::Park(args) => park::execute(global, &args).await,
        DeadCommand::Discard(args) => discard::execute(global, &args).await,
        DeadCommand::Export(args) => export::execute(global, &args).await,
        DeadCommand::Sync(args) => sync::execute(global, &args).await,
        DeadCommand::Foreign(command) => foreign::execute(global, &command).await,
    }
}
