//! `ferry dead export`.

use std::fs::File;
use std::io::Write;
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

/// Sessions read from the ledger and written at once.
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
    if args.json {
        println!("{}", serde_json::json!({"file": path, "sessions": rows}));
    } else {
        println!("{rows} dead sessions are in {}", path.display());
    }
    Ok(Exit::Done)
}

fn by_name(path: &Path) -> ExportFormat {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("ndjson" | "jsonl") => ExportFormat::Ndjson,
        _ => ExportFormat::Csv,
    }
}

async fn write(
    ledger: &Ledger,
    filter: &Filter,
    format: ExportFormat,
    mut file: &File,
) -> Result<u64> {
    let names = names(ledger).await?;
    if format == ExportFormat::Csv {
        file.write_all(&csv([COLUMNS.map(str::to_owned)])?)?;
    }
    let (mut after, mut written) = (None, 0);
    loop {
        let page = ledger.dead_sessions(filter, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.session);
        written += page.len() as u64;
        let sessions = page.into_iter().map(|dead| Session::of(dead, &names));
        let rows = match format {
            ExportFormat::Csv => csv(sessions.map(cells))?,
            ExportFormat::Ndjson => ndjson(sessions)?,
        };
        file.write_all(&rows)?;
    }
    file.sync_all()?;
    Ok(written)
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

fn csv(rows: impl IntoIterator<Item = [String; COLUMNS.len()]>) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| unquoted(cell)))?;
    }
    Ok(writer.into_inner()?)
}

fn cells(session: Session) -> [String; COLUMNS.len()] {
    [
        session.number.to_string(),
        session.run,
        session.row.to_string(),
        session.organization,
        session.subject.unwrap_or_default(),
        session.email.unwrap_or_default(),
        session.external_id.unwrap_or_default(),
        session.reason,
        session.class.unwrap_or_default(),
        session.error_type.unwrap_or_default(),
        session.attempts.to_string(),
        session.died_at.0,
        session.remedy.to_owned(),
    ]
}

fn ndjson(sessions: impl Iterator<Item = Session>) -> Result<Vec<u8>> {
    let mut rows = Vec::new();
    for session in sessions {
        serde_json::to_writer(&mut rows, &session)?;
        rows.push(b'\n');
    }
    Ok(rows)
}
