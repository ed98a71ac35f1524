//! From an export to the ledger, with its progress.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use ferry_core::Timestamp;
use ferry_core::state::RunState;
use ferry_ledger::runs::{Run, RunSource};
use ferry_ledger::{Ledger, LedgerError};
use ferry_producer::register::{self, RegisterError, Registrar};
use ferry_producer::source::{Export, Rules, SourceOptions};
use rand::rngs::StdRng;
use tokio_util::sync::CancellationToken;

use crate::config::{Api, Config, Period};
use crate::exit::{Coded, Exit};
use crate::progress;

/// An export that is to be a run.
#[derive(Debug)]
pub(crate) struct Registering<'a> {
    pub(crate) config: &'a Config,
    pub(crate) ledger: &'a Ledger,
    pub(crate) export: &'a Path,
    /// The run's name; made from the export if there is none.
    pub(crate) name: Option<&'a str>,
}

/// How often somebody else's progress is looked at who registers the same export.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who comes no further for so long is gone.
const STANDSTILL: Duration = Duration::from_secs(15);

impl Registering<'_> {
    /// The run, begun now or known from before.
    pub(crate) async fn begin(&self) -> Result<(Run, Export)> {
        let export = open(self.config, self.export, self.ledger.now()).await?;
        let run = begin(self.ledger, &export, self.name).await?;
        Ok((run, export))
    }

    /// Takes the export in, from where it was left. If another process is at it, waits for its end,
    /// or goes on when it is gone. `None`: told to stop.
    pub(crate) async fn take_in(
        &self,
        (mut run, mut export): (Run, Export),
        stop: &CancellationToken,
        rng: &mut StdRng,
    ) -> Result<Option<Run>> {
        let from_pipe = self.export == Path::new("-");
        loop {
            match self.read(&run, export, stop, rng).await {
                Ok(true) => return Ok(Some(self.ledger.run(&run.name).await?)),
                Ok(false) => return Ok(None),
                Err(error) if is_elsewhere(&error) && !from_pipe => {
                    tracing::info!(
                        run.name = run.name,
                        "another process registers this export; waiting for it"
                    );
                    if !self.wait_for_others(&run, stop).await? {
                        return Ok(None);
                    }
                    (run, export) = self.begin().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the export in, from where it was left. False: told to stop before its end.
    async fn read(
        &self,
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
            ledger: self.ledger,
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
        self.tell_of_subjects(run, progress.without_subject.load(Ordering::Relaxed))?;
        Ok(true)
    }

    /// The limit per person holds for those who are known only.
    fn tell_of_subjects(&self, run: &Run, unknown: u64) -> Result<()> {
        if unknown > 0
            && let Some(limit) = self.config.rates.in_force()?.subject
        {
            tracing::warn!(
                run.name = run.name,
                sessions = unknown,
                limit = %limit,
                "the subject of these sessions is unknown, so the limit per person is not kept for them: name its column in export.columns.subject"
            );
        }
        Ok(())
    }

    /// Until the others are through, or gone. False: told to stop.
    async fn wait_for_others(&self, run: &Run, stop: &CancellationToken) -> Result<bool> {
        let (mut read, mut moved) = (0, Instant::now());
        while moved.elapsed() < STANDSTILL {
            let now = self.ledger.run(&run.name).await?;
            if now.state != RunState::Registering {
                break;
            }
            if now.rows_read != read {
                (read, moved) = (now.rows_read, Instant::now());
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(false),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        Ok(true)
    }
}

/// Another process has read on in the same export.
fn is_elsewhere(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(RegisterError::Ledger(
            LedgerError::RegisteringElsewhere { .. }
        ))
    )
}

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
async fn begin(ledger: &Ledger, export: &Export, name: Option<&str>) -> Result<Run> {
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
