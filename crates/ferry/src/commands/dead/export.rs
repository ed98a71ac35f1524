//! `ferry dead export`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::Action;
use ferry_ledger::dead::Filter;

use super::args::{ExportArgs, ExportFormat};
use super::list::{Session, names};
use crate::cli::Global;
use crate::exit::Exit;
use crate::new_file::NewFile;
use crate::operator::who;
use crate::place::place;
use crate::rejects_file::unquoted;

/// Rows read from the ledger at once.
const PAGE: u32 = 5_000;

pub(super) async fn execute(global: Global, args: &ExportArgs) -> Result<Exit> {
    let path = &args.file;
    let new = NewFile::create(path)?;
    let ledger = place(&global.load()?.config)?.look().await?;
    let filter = args.filter.resolve(&ledger).await?;
    let format = args.format.unwrap_or_else(|| by_name(path));
    let written = write(&ledger, &filter, format, &new.file).await;
    let rows = written.with_context(|| format!("{} cannot be written", path.display()))?;
    new.keep()?;
    let shown = format!("{} to {}", args.filter.shown(), path.display());
    ledger
        .note_deed(&who(), Action::Export, &shown, rows)
        .await?;
    ledger.close().await;
    println!("{rows} dead sessions are in {}", path.display());
    Ok(Exit::Done)
}

fn by_name(path: &Path) -> ExportFormat {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("ndjson" | "jsonl") => ExportFormat::Ndjson,
        _ => ExportFormat::Csv,
    }
}

async fn write(ledger: &Ledger, filter: &Filter, format: ExportFormat, file: &File) -> Result<u64> {
    let names = names(ledger).await?;
    let mut rows = Rows::new(format, BufWriter::new(file))?;
    let (mut after, mut written) = (None, 0);
    loop {
        let page = ledger.dead_sessions(filter, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.session);
        written += page.len() as u64;
        for session in page {
            rows.write(&Session::of(session, &names))?;
        }
    }
    rows.end()?;
    file.sync_all()?;
    Ok(written)
}

enum Rows<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Ndjson(W),
}

const COLUMNS: [&str; 13] = [
    "session",
    "run",
    "row",
    "organization",
    "subject",
    "email",
    "external_id",
    "reason",
    "class",
    "error_type",
    "attempts",
    "died_at",
    "remedy",
];

impl<W: Write> Rows<W> {
    fn new(format: ExportFormat, file: W) -> Result<Self> {
        Ok(match format {
            ExportFormat::Csv => {
                let mut writer = csv::Writer::from_writer(file);
                writer.write_record(COLUMNS)?;
                Self::Csv(Box::new(writer))
            }
            ExportFormat::Ndjson => Self::Ndjson(file),
        })
    }

    fn write(&mut self, session: &Session) -> Result<()> {
        match self {
            Self::Csv(writer) => {
                let cell = |text: &Option<String>| text.clone().unwrap_or_default();
                let cells = [
                    session.session.to_string(),
                    session.run.clone(),
                    session.row.to_string(),
                    session.organization.clone(),
                    cell(&session.subject),
                    cell(&session.email),
                    cell(&session.external_id),
                    session.reason.clone(),
                    cell(&session.class),
                    cell(&session.error_type),
                    session.attempts.to_string(),
                    session.died_at.0.clone(),
                    session.remedy.to_owned(),
                ];
                writer.write_record(cells.iter().map(|cell| unquoted(cell)))?;
            }
            Self::Ndjson(writer) => {
                serde_json::to_writer(&mut *writer, session)?;
                writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        match self {
            Self::Csv(writer) => writer.flush()?,
            Self::Ndjson(writer) => writer.flush()?,
        }
        Ok(())
    }
}
