//! Raw part: reading the export, without a ledger.

use std::path::Path;
use std::process;

use anyhow::{Context, Result, bail};
use ferry_core::session::{ExportRow, LegacySession};
use ferry_ledger::{Clock as _, SystemClock};
use ferry_producer::source::{Columns, Export, Rules, SourceOptions};
use secrecy::ExposeSecret as _;

use crate::figure::{micros_each, per_second};
use crate::measurement::Measurement;
use crate::process::Mark;

/// Rows read at once, as `ferry run` does.
pub(crate) const ROWS_PER_BATCH: usize = 8192;

/// Opens an export as `ferry run` does.
pub(crate) fn open(export: &Path) -> Result<Export> {
    Ok(Export::open(
        export,
        &SourceOptions::default(),
        &Columns::default(),
        &Rules::default(),
        SystemClock::start().now(),
    )?)
}

/// The next rows, each of which must be a session; none at the end.
pub(crate) fn next_sessions(export: &mut Export) -> Result<Vec<LegacySession>> {
    let mut rows = Vec::with_capacity(ROWS_PER_BATCH);
    export.next_batch(ROWS_PER_BATCH, &mut rows)?;
    let session = |row| match row {
        ExportRow::Session(session) => Ok(*session),
        other => bail!("a row of the bench's own export is no session: {other:?}"),
    };
    rows.into_iter().map(session).collect()
}

/// The length of an access token of this export.
pub(crate) fn token_bytes(export: &Path) -> Result<usize> {
    let sessions = next_sessions(&mut open(export)?)?;
    let first = sessions.first().context("an export with rows")?;
    Ok(first.access_token.expose_secret().len())
}

/// Reads all rows, and forgets them.
pub(crate) fn measure(export: &Path) -> Result<Measurement> {
    let mut export = open(export)?;
    let begin = Mark::now(process::id())?;
    let mut rows = Vec::with_capacity(ROWS_PER_BATCH);
    while export.next_batch(ROWS_PER_BATCH, &mut rows)? > 0 {
        rows.clear();
    }
    let end = Mark::now(process::id())?;
    let n = export.records_read();
    Ok(Measurement {
        part: "reading the export (CSV)".to_owned(),
        n,
        times: 1,
        per_second: per_second(n, end.since(&begin)),
        own_cpu_micros: Some(micros_each(end.cpu_since(&begin), n)),
        ..Measurement::default()
    })
}
