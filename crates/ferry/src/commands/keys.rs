//! `ferry keys`.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use ferry_ledger::seal::KeyRing;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::cli::{KeysCommand, KeysGenerateArgs};
use crate::exit::{Coded, Exit};
use crate::key_ring;

pub(super) fn execute(command: &KeysCommand) -> Result<Exit> {
    match command {
        KeysCommand::Generate(args) => generate(args),
    }
}

fn generate(args: &KeysGenerateArgs) -> Result<Exit> {
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let keys = KeyRing::generate("k1", &mut rng);
    match &args.out {
        Some(path) => write_file(path, &keys)?,
        None => print(&keys)?,
    }
    Ok(Exit::Done)
}

fn write_file(path: &Path, keys: &KeyRing) -> Result<()> {
    let file = path.display();
    match key_ring::write_new(path, keys) {
        Ok(()) => {
            eprintln!("wrote {file} (mode 0600): back it up, apart from the ledger");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(anyhow!(
            "{file} exists, and is not overwritten: what its keys have sealed would never open again. Name another file"
        )
        .context(Coded(Exit::Usage))),
        Err(error) => Err(error).with_context(|| format!("{file} cannot be written")),
    }
}

fn print(keys: &KeyRing) -> Result<()> {
    let mut out = io::stdout();
    if out.is_terminal() {
        eprintln!("These keys are secret, and now on your screen: `--out FILE` keeps them off it.");
    }
    out.write_all(keys.to_text().as_bytes())?;
    Ok(out.flush()?)
}
