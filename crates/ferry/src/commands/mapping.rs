//! `ferry mapping export`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use ferry_core::id::RunId;
use ferry_core::state::MappingState;
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::{Action, DeedId};
use ferry_ledger::mappings::Mapping;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::runs::find;
use crate::cli::Global;
use crate::cli::lookups::{MappingCommand, MappingExportArgs, MappingFormat};
use crate::exit::{Coded, Exit};
use crate::new_file::NewFile;
use crate::operator::who;
use crate::place::place;
use crate::progress::Counted;
use crate::rejects_file::unquoted;
use crate::stop;

/// Rows read from the ledger at once.
const PAGE: u32 = 2_000;

pub(super) async fn execute(global: Global, command: MappingCommand) -> Result<Exit> {
    match command {
        MappingCommand::Export(args) => export(global, &args).await,
    }
}

async fn export(global: Global, args: &MappingExportArgs) -> Result<Exit> {
    let path = &args.out;
    let ledger = place(&global.load()?.config)?.look().await?;
    let run = match &args.run {
        Some(name) => Some(find(&ledger, name).await?.id),
        None => None,
    };
    let new = NewFile::create(path)?;
    let stop = stop::on_signals(None)?;
    let action = if args.reveal_tokens {
        Action::RevealTokens
    } else {
        Action::ExportMappings
    };
    let of = args.run.as_deref().unwrap_or("all runs");
    let subject = format!("{of} to {}", path.display());
    let export = Export {
        ledger: &ledger,
        run,
        reveals: args.reveal_tokens,
        deed: ledger.note_deed(&who(), action, &subject, 0).await?,
    };
    let format = args.format.unwrap_or_else(|| by_name(path));
    let rows = Rows::new(format, args.reveal_tokens, BufWriter::new(&new.file));
    let written = export.write(rows, &new.file, &stop).await;
    let Some(count) = written.with_context(|| format!("{} cannot be written", path.display()))?
    else {
        return Err(
            anyhow!("stopped: {} is not made", path.display()).context(Coded(Exit::Interrupted))
        );
    };
    new.keep()?;
    ledger.close().await;
    if args.json {
        let done = serde_json::json!({
            "file": path, "mappings": count, "with_tokens": args.reveal_tokens,
        });
        println!("{done}");
    } else {
        println!("{count} mappings are in {}", path.display());
    }
    if args.reveal_tokens {
        eprintln!(
            "Who has this file is logged in as everybody in it: keep it as you keep passwords."
        );
    }
    Ok(Exit::Done)
}

fn by_name(path: &Path) -> MappingFormat {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("ndjson" | "jsonl") => MappingFormat::Ndjson,
        _ => MappingFormat::Csv,
    }
}

struct Export<'a> {
    ledger: &'a Ledger,
    run: Option<RunId>,
    reveals: bool,
    deed: DeedId,
}

impl Export<'_> {
    /// How many mappings were written; `None` if it was told to stop.
    async fn write(
        &self,
        mut rows: Rows<impl Write>,
        file: &File,
        stop: &CancellationToken,
    ) -> Result<Option<u64>> {
        let runs = self.ledger.runs().await?;
        let names: HashMap<_, _> = runs.into_iter().map(|run| (run.id, run.name)).collect();
        let (mut after, mut count) = (None, 0);
        rows.begin()?;
        let progress = Counted::of("exporting", None);
        loop {
            let page = self.ledger.mappings_of(self.run, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.session);
            count += page.len() as u64;
            progress.add(page.len() as u64);
            // Before they are in the file.
            self.ledger
                .extend_deed(self.deed, page.len() as u64)
                .await?;
            for mapping in page {
                let token = if self.reveals {
                    self.ledger.session_token(&mapping)?
                } else {
                    None
                };
                let run = names.get(&mapping.run).map_or("", String::as_str);
                rows.write(&Exported::of(mapping, run), token.as_ref())?;
            }
            if stop.is_cancelled() {
                return Ok(None);
            }
        }
        rows.end()?;
        file.sync_all()?;
        Ok(Some(count))
    }
}

/// A mapping as it is written.
#[derive(Serialize)]
struct Exported<'a> {
    run: &'a str,
    row: u64,
    legacy_key: String,
    organization_id: Option<String>,
    member_id: String,
    member_session_id: String,
    state: MappingState,
    expires_at: String,
}

const COLUMNS: [&str; 8] = [
    "run",
    "row",
    "legacy_key",
    "organization_id",
    "member_id",
    "member_session_id",
    "state",
    "expires_at",
];
const TOKEN_COLUMN: &str = "session_token";

impl<'a> Exported<'a> {
    fn of(mapping: Mapping, run: &'a str) -> Self {
        Self {
            run,
            row: mapping.source_row,
            legacy_key: mapping.legacy_key.to_string(),
            organization_id: mapping.organization_id,
            member_id: mapping.member_id,
            member_session_id: mapping.member_session_id,
            state: mapping.state,
            expires_at: mapping.expires_at.to_string(),
        }
    }

    fn cells(&self) -> [String; 8] {
        let organization = self.organization_id.as_deref().unwrap_or_default();
        [
            unquoted(self.run),
            self.row.to_string(),
            self.legacy_key.clone(),
            unquoted(organization),
            unquoted(&self.member_id),
            unquoted(&self.member_session_id),
            self.state.to_string(),
            self.expires_at.clone(),
        ]
    }
}

struct Rows<W: Write> {
    form: Form<W>,
    with_tokens: bool,
}

enum Form<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Ndjson(W),
}

impl<W: Write> Rows<W> {
    fn new(format: MappingFormat, with_tokens: bool, file: W) -> Self {
        let form = match format {
            MappingFormat::Csv => Form::Csv(Box::new(csv::Writer::from_writer(file))),
            MappingFormat::Ndjson => Form::Ndjson(file),
        };
        Self { form, with_tokens }
    }

    fn begin(&mut self) -> Result<()> {
        if let Form::Csv(writer) = &mut self.form {
            let token = self.with_tokens.then_some(TOKEN_COLUMN);
            writer.write_record(COLUMNS.into_iter().chain(token))?;
        }
        Ok(())
    }

    fn write(&mut self, row: &Exported<'_>, token: Option<&SecretString>) -> Result<()> {
        let token = token.map(ExposeSecret::expose_secret);
        match &mut self.form {
            Form::Csv(writer) => {
                for cell in row.cells() {
                    writer.write_field(cell)?;
                }
                if self.with_tokens {
                    writer.write_field(unquoted(token.unwrap_or_default()))?;
                }
                writer.write_record(None::<&[u8]>)?;
            }
            Form::Ndjson(writer) => {
                let row = Revealed {
                    row,
                    session_token: token,
                };
                serde_json::to_writer(&mut *writer, &row)?;
                writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        match &mut self.form {
            Form::Csv(writer) => writer.flush()?,
            Form::Ndjson(writer) => writer.flush()?,
        }
        Ok(())
    }
}

/// A row with its token, if that is to be seen.
#[derive(Serialize)]
struct Revealed<'a> {
    #[serde(flatten)]
    row: &'a Exported<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
}
