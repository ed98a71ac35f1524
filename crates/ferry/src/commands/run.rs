//! `ferry run`: register, dispatch, work, sweep and report, in one process.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use ferry_core::Timestamp;
use ferry_core::state::RunState;
use ferry_ledger::Ledger;
use ferry_ledger::runs::{Run, RunSource};
use ferry_producer::register::{self, Registrar};
use ferry_producer::source::{Export, Rules, SourceOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, RunArgs};
use crate::config::{Api, Config, Loaded, Overrides, Period};
use crate::crossing::{self, Crossing, Ended};
use crate::data_folder::DataFolder;
use crate::exit::{Coded, Exit};
use crate::report::Report;
use crate::{progress, rejects_file, stop};

pub(super) async fn execute(global: Global, args: RunArgs) -> Result<Exit> {
    let overrides = Overrides {
        rate: args.rate,
        concurrency: args.concurrency,
        ..global.overrides()
    };
    let loaded = super::load_and_log(&overrides)?;
    let stop = stop::on_signals()?;
    let (report, exit) = carry(&loaded, &args, &stop).await?;
    report.print(args.json)?;
    Ok(exit)
}

/// Carries an export to its end, and reports.
pub(super) async fn carry(
    loaded: &Loaded,
    args: &RunArgs,
    stop: &CancellationToken,
) -> Result<(Report, Exit)> {
    let began = Instant::now();
    let config = &loaded.config;
    let mut rng = StdRng::try_from_rng(&mut rand::rngs::SysRng)?;
    let endpoint = crossing::endpoint(config, loaded.env)?;
    let folder = DataFolder::lock(&config.data.folder)?;
    let ledger = folder.open_ledger(&config.data.keys, &mut rng).await?;
    let crossing = Crossing::new(config, endpoint, ledger.clone())?;
    let export = open(config, args, ledger.now()).await?;
    crossing.check_credentials().await?;
    // We hold the lock: whoever had leases is gone.
    ledger.void_leases().await?;
    let run = begin(&ledger, &export, args).await?;
    let migrated_before = ledger.books(run.id).await?.migrated;
    let ended = if take_in(&ledger, &run, export, stop, &mut rng).await? {
        // A long crossing should not keep the operator from mending rejects meanwhile.
        rejects_file::write(&folder, &ledger, &run).await?;
        ledger.resume(run.id).await?;
        let audit_timeout = Duration::from_secs(args.audit_timeout);
        let done = CancellationToken::new();
        let crossing = &crossing;
        let crossed = async {
            let _done = done.drop_guard_ref();
            crossing.cross(&run, audit_timeout, stop, rng).await
        };
        let shown = progress::of_crossing(&run, &ledger, crossing, &done);
        tokio::join!(crossed, shown).0?
    } else {
        Ended::Stopped
    };
    let report = Report::of(&ledger, &run.name, migrated_before, began.elapsed()).await?;
    let rejects_file = rejects_file::write(&folder, &ledger, &run).await?;
    ledger.close().await;
    let exit = exit(ended, &report);
    Ok((report.with_rejects_file(rejects_file), exit))
}

async fn open(config: &Config, args: &RunArgs, now: Timestamp) -> Result<Export> {
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
    let (location, columns) = (args.export.clone(), config.export.columns.clone());
    let options = SourceOptions {
        format: config.export.format,
        delimiter: config.export.delimiter,
    };
    let opening = move || Export::open(&location, &options, &columns, &rules, now);
    // Reads the first bytes: from a pipe that may take its time.
    Ok(tokio::task::spawn_blocking(opening).await??)
}

/// The run of this export: begun now, or known from before.
async fn begin(ledger: &Ledger, export: &Export, args: &RunArgs) -> Result<Run> {
    let identity = export.identity();
    let run = ledger
        .begin_run(&RunSource {
            name: args.run.clone().unwrap_or_else(|| identity.run_name()),
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
async fn take_in(
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

fn exit(ended: Ended, report: &Report) -> Exit {
    match ended {
        Ended::Stopped => Exit::Interrupted,
        Ended::Paused(_) => Exit::Paused,
        Ended::Auditing => Exit::Auditing,
        Ended::Finished if report.audit.unverifiable > 0 => Exit::Unverifiable,
        Ended::Finished if report.books.dead > 0 => Exit::DeadLetters,
        Ended::Finished => Exit::Done,
    }
}
