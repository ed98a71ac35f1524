//! From an export to rows of the ledger.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ferry_core::session::ExportRow;
use ferry_ledger::register::{Registered, Registration};
use ferry_ledger::runs::Run;
use ferry_ledger::{Ledger, LedgerError};
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::source::{Export, SourceError};

/// Records read ahead at once: what is in memory, some 2 KB each.
const RECORDS_PER_BATCH: usize = 2048;

/// Batches in one commit. Each commit writes every page of the key's index that it has touched, so
/// few large ones write far less than many small ones.
const BATCHES_PER_COMMIT: u32 = 16;

/// Records that wait for more to come are committed after so long: a slow source holds up no other
/// writer.
const COMMIT_AFTER: Duration = Duration::from_millis(500);

/// How far registering has come, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records that are in the ledger.
    pub records: AtomicU64,
    /// Bytes of the export read, as it lies on disk.
    pub bytes: AtomicU64,
    /// Sessions among the records whose subject neither a column nor their token tells.
    pub without_subject: AtomicU64,
}

/// Why registering ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The whole export is in the ledger.
    Complete(Registered),
    /// Told to stop; the same command goes on from here.
    Stopped,
}

/// Registering failed. What was committed stays, and the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The export cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The ledger does not take it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Takes exports in.
#[derive(Debug, Clone, Copy)]
pub struct Registrar<'a> {
    /// Where to.
    pub ledger: &'a Ledger,
    /// Told how far it has come.
    pub progress: &'a Progress,
    /// Asks to stop, between two commits.
    pub stop: &'a CancellationToken,
}

impl Registrar<'_> {
    /// Reads the export from where the run has got to, and takes it into the ledger.
    pub async fn register(
        &self,
        run: &Run,
        mut export: Export,
        rng: &mut StdRng,
    ) -> Result<Ended, RegisterError> {
        // One batch being written, one read ahead.
        let (send, mut receive) = mpsc::channel(1);
        let rows_read = run.rows_read;
        let reading = tokio::task::spawn_blocking(move || read(&mut export, rows_read, &send));
        self.progress.records.store(rows_read, Ordering::Relaxed);
        let mut total = Registered::default();
        let mut rows_read = rows_read;
        while let Some(first) = receive.recv().await {
            if self.stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
            let mut registration = self.ledger.begin_registration(run.id, rows_read).await?;
            total += self.add(&mut registration, first, rng).await?;
            for _ in 1..BATCHES_PER_COMMIT {
                // A slow source, its end, or told to stop: commit what there is.
                let next = timeout(COMMIT_AFTER, receive.recv()).await;
                let Some(next) = next.ok().flatten() else {
                    break;
                };
                total += self.add(&mut registration, next, rng).await?;
                if self.stop.is_cancelled() {
                    break;
                }
            }
            rows_read = registration.commit().await?;
        }
        reading.await.expect("the reader does not panic")?;
        self.ledger.end_registering(run.id).await?;
        Ok(Ended::Complete(total))
    }

    async fn add(
        &self,
        registration: &mut Registration<'_>,
        Batch { rows, bytes }: Batch,
        rng: &mut StdRng,
    ) -> Result<Registered, LedgerError> {
        let records = rows.len() as u64;
        let without_subject = rows.iter().filter(|row| is_without_subject(row)).count() as u64;
        let registered = registration.add(rows, rng).await?;
        self.progress.records.fetch_add(records, Ordering::Relaxed);
        self.progress.bytes.store(bytes, Ordering::Relaxed);
        self.progress
            .without_subject
            .fetch_add(without_subject, Ordering::Relaxed);
        Ok(registered)
    }
}

fn is_without_subject(row: &ExportRow) -> bool {
    matches!(row, ExportRow::Session(session) if session.facts.subject.is_none())
}

struct Batch {
    rows: Vec<ExportRow>,
    bytes: u64,
}

/// Reads batches until the export ends or nobody wants them.
fn read(export: &mut Export, skip: u64, send: &mpsc::Sender<Batch>) -> Result<(), SourceError> {
    export.skip(skip)?;
    loop {
        let mut rows = Vec::with_capacity(RECORDS_PER_BATCH);
        if export.next_batch(RECORDS_PER_BATCH, &mut rows)? == 0 {
            return Ok(());
        }
        let batch = Batch {
            rows,
            bytes: export.progress().bytes_read(),
        };
        if send.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}
