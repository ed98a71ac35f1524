//! From an export to rows of the ledger.

use std::sync::atomic::{AtomicU64, Ordering};

use ferry_core::session::ExportRow;
use ferry_ledger::register::Registered;
use ferry_ledger::runs::Run;
use ferry_ledger::{Ledger, LedgerError};
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::source::{Export, SourceError};

/// Records in one commit. Larger ones gain little and cost memory: a record with its token takes
/// some 2 KB.
const RECORDS_PER_COMMIT: usize = 4096;

/// How far registering has come, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records that are in the ledger.
    pub records: AtomicU64,
    /// Bytes of the export read, as it lies on disk.
    pub bytes: AtomicU64,
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
        while let Some(Batch { rows, bytes }) = receive.recv().await {
            if self.stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
            let records = rows.len() as u64;
            let registered = self.ledger.register(run.id, rows, rng).await?;
            self.progress.records.fetch_add(records, Ordering::Relaxed);
            self.progress.bytes.store(bytes, Ordering::Relaxed);
            total.added += registered.added;
            total.duplicates += registered.duplicates;
            total.revived += registered.revived;
            total.rejected += registered.rejected;
        }
        reading.await.expect("the reader does not panic")?;
        self.ledger.end_registering(run.id).await?;
        Ok(Ended::Complete(total))
    }
}

struct Batch {
    rows: Vec<ExportRow>,
    bytes: u64,
}

/// Reads batches until the export ends or nobody wants them.
fn read(export: &mut Export, skip: u64, send: &mpsc::Sender<Batch>) -> Result<(), SourceError> {
    export.skip(skip)?;
    loop {
        let mut rows = Vec::with_capacity(RECORDS_PER_COMMIT);
        if export.next_batch(RECORDS_PER_COMMIT, &mut rows)? == 0 {
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
