//! Exit codes: stable, documented in README.md.

use std::process::ExitCode;

use ferry_ledger::LedgerError;
use ferry_producer::register::RegisterError;
use ferry_worker::WorkerError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; nothing is left to do.
    Done = 0,
    /// Something failed that has no code of its own.
    Failed = 1,
    /// The command line, the configuration or the export is wrong.
    Usage = 2,
    /// The run is finished, and some sessions are dead letters.
    DeadLetters = 3,
    /// The run is paused: a set-up fault is to be mended.
    Paused = 4,
    /// Attempts of unknown outcome could not be looked up in time; the same command goes on.
    Auditing = 5,
    /// Attempts of unknown outcome cannot be looked up: their member is not found.
    Unverifiable = 6,
    /// Another process works on the data folder.
    Locked = 7,
    /// A database or a disk failed; the same command goes on when it is well. `EX_TEMPFAIL`.
    TryLater = 75,
    /// Stopped by a signal; the same command goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A fault of the input, with its exit code.
#[derive(Debug)]
pub(crate) struct Coded(pub(crate) Exit);

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Exit::Usage => "nothing was called",
            Exit::Locked => "the data folder is in use",
            _ => "the command failed",
        })
    }
}

impl std::error::Error for Coded {}

impl Exit {
    /// The code for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(Coded(exit)) = error.downcast_ref() {
            return *exit;
        }
        let ledger = error
            .downcast_ref::<LedgerError>()
            .or_else(|| match error.downcast_ref::<RegisterError>()? {
                RegisterError::Ledger(error) => Some(error),
                RegisterError::Source(_) => None,
            })
            .or_else(|| error.downcast_ref().map(|WorkerError::Ledger(error)| error));
        let source = error.is::<ferry_producer::source::SourceError>()
            || matches!(error.downcast_ref(), Some(RegisterError::Source(_)));
        match ledger {
            Some(error) if error.is_passing() => Self::TryLater,
            Some(LedgerError::SourceChanged { .. } | LedgerError::UnknownRun { .. }) => Self::Usage,
            None if source => Self::Usage,
            _ => Self::Failed,
        }
    }
}
