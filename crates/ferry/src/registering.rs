//! From an export to the ledger, with its progress.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow};
use ferry_core::Timestamp;
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_ledger::runs::{Run, RunSource};
use ferry_producer::register::{self, Registrar};
use ferry_producer::source::{Export, Rules, SourceOptions};
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::config::{Api, Config, Period};
use crate::exit::{Coded, Exit};
use crate::progress;

/// Opens the export, and reads its beginning.
pub(crate) async fn open(config: &Config, export: &Path, now: Timestamp) -> Result<Export> {
    let rules = Rules {
        key_from_token: config.export.key_from_token,
        audience: config.export.audience.clone(),
        required_scopes: config.export.required_scopes.clone(),
        consumer: config.stytch.api == Api::Consumer,
        default_lifetime: config.sessions.default_lifetime.map(Period::get),
    };
    if rules.key_from_token {
        tracing::warn!(
            "export.key_from_token is on: a mapping is lost as soon as its token is refreshed"
        );
    }
    let (location, columns) = (export.to_owned(), config.export.columns.clone());
    let options = SourceOptions {
        format: config.export.format,
        delimiter: config.export.delimiter,
    };
    let opening = move || Export::open(&location, &options, &columns, &rules, now);
    // Reads the first bytes: from a pipe that may take its time.
    Ok(tokio::task::spawn_blocking(opening).await??)
}

/// The run of this export: begun now, or known from before.
pub(crate) async fn begin(ledger: &Ledger, export: &Export, name: Option<&str>) -> Result<Run> {
    let identity = export.identity();
    let run = ledger
        .begin_run(&RunSource {
            name: name.map_or_else(|| identity.run_name(), str::to_owned),
            location: identity.name.clone(),
            digest: identity.source_digest(),
        })
        .await?;
    if run.state == RunState::Cancelled {
        return Err(anyhow!(
            "the run {:?} was cancelled: give another name with --run",
            run.name
        )
        .context(Coded(Exit::Usage)));
    }
    tracing::info!(run.name = run.name, run.state = %run.state, source = run.source, "run");
    Ok(run)
}

/// Takes the export in, from where it was left. False: told to stop before its end.
pub(crate) async fn take_in(
    ledger: &Ledger,
    run: &Run,
    export: Export,
    stop: &CancellationToken,
    rng: &mut StdRng,
) -> Result<bool> {
    if run.state != RunState::Registering {
        let (mut export, records) = (export, run.rows_read);
        tokio::task::spawn_blocking(move || export.expect_end(records)).await??;
        return Ok(true);
    }
    let progress = register::Progress::default();
    let bytes = export.progress().bytes_total();
    let began = Instant::now();
    let registrar = Registrar {
        ledger,
        progress: &progress,
        stop,
    };
    let done = CancellationToken::new();
    let registered = async {
        let _done = done.drop_guard_ref();
        registrar.register(run, export, rng).await
    };
    let shown = progress::of_registering(&progress, bytes, &done);
    let register::Ended::Complete(registered) = tokio::join!(registered, shown).0? else {
        return Ok(false);
    };
    tracing::info!(
        run.name = run.name,
        sessions = registered.added,
        duplicates = registered.duplicates,
        revived = registered.revived,
        rejected = registered.rejected,
        seconds = format!("{:.1}", began.elapsed().as_secs_f64()),
        "registered"
    );
    if registered == ferry_ledger::register::Registered::default() && run.rows_read == 0 {
        tracing::warn!("the export has a header and no rows");
    }
    Ok(true)
}
