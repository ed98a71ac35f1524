//! Exit codes: stable, documented in README.md.

use std::process::ExitCode;

use ferry_ledger::LedgerError;
use ferry_producer::dispatch::DispatchError;
use ferry_producer::register::RegisterError;
use ferry_queue::QueueError;
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
    /// What was verified is not as it should be.
    Wrong = 8,
    /// The check found errors.
    CheckErrors = 10,
    /// The check found warnings that were not accepted.
    CheckWarnings = 11,
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

/// Gives an error an exit code of its own: a context without a text.
#[derive(Debug)]
pub(crate) struct Coded(pub(crate) Exit);

impl std::fmt::Display for Coded {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Coded {}

/// An error and its causes on one line.
pub(crate) fn shown(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error
        .chain()
        .map(ToString::to_string)
        .filter(|text| !text.is_empty())
    {
        // Many an error's text holds its cause's already.
        if !parts.last().is_some_and(|outer| outer.contains(&cause)) {
            parts.push(cause);
        }
    }
    parts.join(": ")
}

impl Exit {
    /// The code for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(Coded(exit)) = error.downcast_ref() {
            return *exit;
        }
        let queue = error
            .downcast_ref::<QueueError>()
            .or_else(|| match error.downcast_ref()? {
                DispatchError::Queue(error) => Some(error),
                DispatchError::Ledger(_) => None,
            });
        if let Some(error) = queue {
            return if error.is_passing() {
                Self::TryLater
            } else {
                Self::Usage
            };
        }
        let ledger = error
            .downcast_ref::<LedgerError>()
            .or_else(|| match error.downcast_ref::<RegisterError>()? {
                RegisterError::Ledger(error) => Some(error),
                RegisterError::Source(_) => None,
            })
            .or_else(|| match error.downcast_ref()? {
                DispatchError::Ledger(error) => Some(error),
                DispatchError::Queue(_) => None,
            })
            .or_else(|| error.downcast_ref().map(|WorkerError::Ledger(error)| error));
        let source = error.is::<ferry_producer::source::SourceError>()
            || matches!(error.downcast_ref(), Some(RegisterError::Source(_)));
        match ledger {
            Some(error) if error.is_passing() => Self::TryLater,
            Some(
                LedgerError::SourceChanged { .. }
                | LedgerError::UnknownRun { .. }
                | LedgerError::NotALedger { .. }
                | LedgerError::Refused(_)
                | LedgerError::NewerSchema { .. }
                | LedgerError::WrongKeys { .. },
            ) => Self::Usage,
            None if source => Self::Usage,
            None if error.chain().any(is_full_disk) => Self::TryLater,
            _ => Self::Failed,
        }
    }
}

fn is_full_disk(cause: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    // A CSV writer's error does not tell of its cause by itself.
    let of_csv = || match cause.downcast_ref::<csv::Error>()?.kind() {
        csv::ErrorKind::Io(error) => Some(error),
        _ => None,
    };
    let kind = cause
        .downcast_ref()
        .or_else(of_csv)
        .map(std::io::Error::kind);
    matches!(
        kind,
        Some(StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem)
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_told_once_and_a_code_not_at_all() {
        let error = anyhow::Error::new(io::Error::other("the disk is on fire"))
            .context("the lock: the disk is on fire")
            .context("no lock")
            .context(Coded(Exit::TryLater));
        assert_eq!(shown(&error), "no lock: the lock: the disk is on fire");
        assert_eq!(Exit::of(&error), Exit::TryLater);
    }

    #[test]
    fn a_full_disk_is_for_later_whatever_was_being_written() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = anyhow::Error::new(full).context("the rejects file");
        assert_eq!(Exit::of(&error), Exit::TryLater);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = anyhow::Error::new(csv::Error::from(full)).context("the export");
        assert_eq!(Exit::of(&error), Exit::TryLater);
    }
}
