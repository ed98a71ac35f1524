//! `ferry runs report`.

use std::io::{self, Write};

use anyhow::Result;

use super::find;
use crate::cli::Global;
use crate::cli::lookups::{ReportFormat, RunReportArgs};
use crate::exit::Exit;
use crate::place::place;
use crate::report::full::FullReport;

pub(super) async fn execute(global: Global, args: &RunReportArgs) -> Result<Exit> {
    let loaded = global.load()?;
    let ledger = place(&loaded.config)?.look().await?;
    let run = find(&ledger, &args.run).await?;
    let report = FullReport::of(&ledger, &loaded.config.rates, &run).await?;
    ledger.close().await;
    let format = if args.json {
        ReportFormat::Json
    } else {
        args.format
    };
    let page = match format {
        ReportFormat::Text => report.text(),
        ReportFormat::Json => format!("{}\n", serde_json::to_string(&report)?),
        ReportFormat::Markdown => report.markdown(),
        ReportFormat::Html => report.html(),
    };
    let mut out = io::stdout().lock();
    out.write_all(page.as_bytes())?;
    Ok(out.flush()?).map(|()| Exit::Done)
}
