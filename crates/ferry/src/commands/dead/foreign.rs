//! `ferry dead foreign`.

use std::io::Write;

use anyhow::{Result, anyhow};
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::Action;
use ferry_ledger::foreign::KeptForeign;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::args::ForeignCommand;
use super::list::Timestamped;
use super::text::{confirmed, printable};
use crate::cli::Global;
use crate::exit::{Coded, Exit};
use crate::new_file::NewFile;
use crate::operator::who;
use crate::place::place;

pub(super) async fn execute(global: Global, command: &ForeignCommand) -> Result<Exit> {
    let ledger = place(&global.load()?.config)?.look().await?;
    match command {
        ForeignCommand::List { json } => list(&ledger, *json).await?,
        ForeignCommand::Save { digest, file, json } => {
            let kept = find(&ledger, digest).await?;
            let body = ledger.foreign_body(kept.digest).await?;
            let body = body.ok_or_else(|| unknown(digest))?;
            let new = NewFile::create(file)?;
            (&new.file).write_all(body.expose_secret())?;
            new.file.sync_all()?;
            new.keep()?;
            let subject = format!("{} to {}", kept.digest, file.display());
            ledger
                .note_deed(&who(), Action::SaveForeign, &subject, 1)
                .await?;
            if *json {
                let digest = kept.digest.to_string();
                let done = serde_json::json!({"digest": digest, "file": file, "size": kept.size});
                println!("{done}");
            } else {
                println!("{} bytes are in {}", kept.size, file.display());
            }
        }
        ForeignCommand::Discard { digest, yes, json } => {
            let kept = find(&ledger, digest).await?;
            let question = format!("Throw {} away for good?", kept.digest);
            if !yes && !confirmed(&question, "this throws a message away for good")? {
                println!("it is kept");
                return Ok(Exit::Failed);
            }
            let (digest, action) = (kept.digest.to_string(), Action::DiscardForeign);
            let deed = ledger.note_deed(&who(), action, &digest, 0).await?;
            ledger.forget_foreign(kept.digest, deed).await?;
            if *json {
                println!(
                    "{}",
                    serde_json::json!({"digest": digest, "discarded": true})
                );
            } else {
                println!("{digest} is thrown away");
            }
        }
    }
    ledger.close().await;
    Ok(Exit::Done)
}

/// Its JSON form is documented in docs/dead-letters.md.
#[derive(Debug, Serialize)]
struct Line {
    digest: String,
    size: u64,
    kind: Option<String>,
    content_type: Option<String>,
    cause: String,
    found_at: Timestamped,
    times: u64,
}

async fn list(ledger: &Ledger, json: bool) -> Result<()> {
    let kept = ledger.foreign_letters().await?;
    if kept.is_empty() && !json {
        println!("no foreign messages: `ferry dead sync` finds them");
    }
    for kept in kept {
        if json {
            println!("{}", serde_json::to_string(&Line::of(kept))?);
        } else {
            let kind = printable(kept.kind.as_deref().unwrap_or("no type"));
            println!("{}", kept.digest);
            println!(
                "    {} bytes, {kind}, {}, found {} times since {}",
                kept.size,
                kept.cause,
                kept.times,
                Timestamped::from(kept.found_at).0
            );
        }
    }
    Ok(())
}

impl Line {
    fn of(kept: KeptForeign) -> Self {
        Self {
            digest: kept.digest.to_string(),
            size: kept.size,
            kind: kept.kind,
            content_type: kept.content_type,
            cause: kept.cause,
            found_at: kept.found_at.into(),
            times: kept.times,
        }
    }
}

/// The one whose digest begins so.
async fn find(ledger: &Ledger, beginning: &str) -> Result<KeptForeign> {
    let kept = ledger.foreign_letters().await?;
    let mut alike = kept.into_iter().filter(|kept| {
        !beginning.is_empty()
            && kept
                .digest
                .to_string()
                .starts_with(&beginning.to_lowercase())
    });
    match (alike.next(), alike.next()) {
        (Some(kept), None) => Ok(kept),
        (Some(_), Some(_)) => {
            Err(anyhow!("several digests begin so: give more of it").context(Coded(Exit::Usage)))
        }
        (None, _) => Err(unknown(beginning)),
    }
}

fn unknown(digest: &str) -> anyhow::Error {
    anyhow!("no foreign message {digest:?}: `ferry dead foreign list` tells their digests")
        .context(Coded(Exit::Usage))
}
