//! The data folder's disk.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::Code;
use super::report::Area;

/// Below this nothing is begun.
const LEAST_BYTES: u64 = 100 * MB;
/// Below this it may not do.
const ENOUGH_BYTES: u64 = 512 * MB;
const MB: u64 = 1_000_000;

/// A ledger is so many times as large as the export that it was made from: rows, sealed tokens,
/// indexes, and the write-ahead log beside them.
const LEDGER_PER_EXPORT: u64 = 3;
/// What is packed is so many times as large when it is not.
const UNPACKED: u64 = 5;

/// `ledger`: whether the ledger lies there too, and of which export.
pub(super) fn look(folder: &Path, ledger: Option<&Path>, export: Option<&Path>) -> Area {
    let area = Area::new("data folder");
    if folder.exists() && !folder.is_dir() {
        return area.with(
            Code::DataFolder,
            format!("{} is not a folder", folder.display()),
        );
    }
    let Some(there) = nearest(folder) else {
        return area.with(
            Code::DataFolder,
            format!("{} leads nowhere", folder.display()),
        );
    };
    if access(there, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return area.with(
            Code::DataFolder,
            format!("{} may not be written to", there.display()),
        );
    }
    let Ok(disk) = statvfs(there) else {
        return Area::passed_over("data folder", "its free space cannot be told");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed = ledger.and(export).map_or(0, needed_for).max(ENOUGH_BYTES);
    let told = format!("{}: {} MB free", folder.display(), free / MB);
    if free < LEAST_BYTES {
        area.with(Code::DiskFull, told)
    } else if free < needed {
        area.with(
            Code::DiskLow,
            format!("{told}, and some {} MB may be needed", needed / MB),
        )
    } else {
        area.told(told)
    }
}

/// The folder itself, or the one in which it would be made.
fn nearest(folder: &Path) -> Option<&Path> {
    folder.ancestors().find_map(|ancestor| match ancestor {
        ancestor if ancestor.as_os_str().is_empty() => Some(Path::new(".")),
        ancestor => ancestor.is_dir().then_some(ancestor),
    })
}

fn needed_for(export: &Path) -> u64 {
    let bytes = export.metadata().map_or(0, |metadata| metadata.len());
    let packed = export
        .extension()
        .is_some_and(|extension| extension == "gz" || extension == "zst");
    bytes * LEDGER_PER_EXPORT * if packed { UNPACKED } else { 1 }
}
