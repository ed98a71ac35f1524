//! The rejects file: each record that could not be used, with its line and reason.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use ferry_ledger::Ledger;
use ferry_ledger::runs::Run;

use crate::data_folder::DataFolder;

/// Rows read from the ledger at once.
const PAGE: u32 = 10_000;

/// Writes the run's rejects as CSV, whole or not at all; nothing if there are none.
pub(crate) async fn write(
    folder: &DataFolder,
    ledger: &Ledger,
    run: &Run,
) -> Result<Option<PathBuf>> {
    let mut page = ledger.rejects(run.id, 0, PAGE).await?;
    if page.is_empty() {
        return Ok(None);
    }
    let path = folder.file(&format!("rejects-{}.csv", file_name(&run.name)))?;
    let partial = path.with_extension("partial");
    let cannot = || format!("the rejects file {} cannot be written", path.display());
    let mut file = csv::Writer::from_writer(File::create(&partial).with_context(cannot)?);
    file.write_record(["row", "line", "column", "reason"])?;
    while let Some(last) = page.last() {
        for reject in &page {
            let column = reject.column.as_deref().unwrap_or_default();
            let (row, line) = (reject.row.to_string(), reject.line.to_string());
            file.write_record([&row, &line, &unquoted(column), &reject.reason])
                .with_context(cannot)?;
        }
        page = ledger.rejects(run.id, last.row, PAGE).await?;
    }
    file.flush().with_context(cannot)?;
    fs::rename(&partial, &path).with_context(cannot)?;
    Ok(Some(path))
}

/// A run's name as part of a file name.
pub(crate) fn file_name(run: &str) -> String {
    let safe = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    run.chars().map(safe).collect()
}

/// A cell that a spreadsheet would take for a formula is kept from being one.
pub(crate) fn unquoted(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
